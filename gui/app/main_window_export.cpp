#include <QApplication>
#include <QClipboard>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QPainter>
#include <QPrintDialog>
#include <QPrinter>
#include <QSortFilterProxyModel>
#include <QSvgGenerator>
#include <QTableView>

#include "gui/app/main_window.h"
#include "gui/views/table_view.h"
#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/cli/output.h"
#include "planner/cli/report.h"
#include "planner/cli/report_engine.h"

namespace headroom::gui {
namespace {

constexpr cli::Style kPlainText{};

/// Every table of a page, one below the other, each through `format` under its name.
template <class Format>
QString tables_of(const QWidget& page, const QString& heading, const Format& format) {
    QString out;
    for (const auto* table : page.findChildren<QTableView*>()) {
        if (table->model()->rowCount() == 0) continue;
        out += heading.arg(table->accessibleName()) + format(*table->model()) + QLatin1Char('\n');
    }
    return out;
}

void write_svg(QWidget& page, const QString& path) {
    QSvgGenerator svg;
    svg.setFileName(path);
    svg.setSize(page.size());
    svg.setViewBox(page.rect());
    svg.setTitle(QStringLiteral("Headroom"));
    QPainter painter(&svg);
    page.render(&painter);
}

/// What `headroom predict` prints; what a framework makes of the plan stands first.
QString plan_as_text(const Planner& planner) {
    const Plan& plan = *planner.current();
    const auto& forecast = planner.forecast();
    const auto first = forecast ? cli::engine_text(plan, *forecast, kPlainText) + "\n" : "";
    return QString::fromStdString(first + cli::plan_text(plan, kPlainText));
}

}  // namespace

bool MainWindow::exportTo(const QString& path) {
    QWidget& page = *m_pages->currentWidget();
    const auto kind = QFileInfo(path).suffix().toLower();
    const auto& plan = m_session.planner.current();
    try {
        if (kind == QLatin1String("png")) {
            if (!page.grab().save(path)) throw InputError(path.toStdString(), "cannot be written");
            return true;
        }
        if (kind == QLatin1String("svg")) {
            write_svg(page, path);
            return QFile::exists(path);
        }
        QString content;
        if (kind == QLatin1String("csv")) {
            content = tables_of(page, QStringLiteral("%1\n"), as_csv);
        } else if (kind == QLatin1String("md")) {
            content = tables_of(page, QStringLiteral("## %1\n\n"), as_markdown);
        } else if (!plan) {
            throw InputError("", "There is no plan to export yet.");
        } else if (kind == QLatin1String("json")) {
            content = QString::fromStdString(cli::json_text(to_json(*plan)));
        } else if (kind == QLatin1String("txt")) {
            content = plan_as_text(m_session.planner);
        } else {
            throw InputError(path.toStdString(),
                             "must end in .json, .csv, .md, .txt, .png or .svg");
        }
        write_file_atomically(path.toStdString(), content.toStdString());
    } catch (const std::exception& error) {
        m_messages->showMessage(QString::fromUtf8(error.what()), Tone::bad);
        return false;
    }
    return true;
}

void MainWindow::exportPage() {
    const auto path = QFileDialog::getSaveFileName(
        this, tr("Export the page"), QStringLiteral("plan.png"),
        tr("Picture (*.png);;Drawing (*.svg);;Tables as CSV (*.csv);;Tables as Markdown (*.md);;"
           "Plan as JSON (*.json);;Plan as text (*.txt)"));
    if (!path.isEmpty()) exportTo(path);
}

void MainWindow::printTo(QPrinter& printer) {
    QWidget& page = *m_pages->currentWidget();
    QPainter painter(&printer);
    const QRectF paper = printer.pageRect(QPrinter::DevicePixel);
    const double scale = std::min(paper.width() / page.width(), paper.height() / page.height());
    painter.scale(scale, scale);
    page.render(&painter);
}

void MainWindow::print() {
    QPrinter printer(QPrinter::HighResolution);
    printer.setPageOrientation(QPageLayout::Landscape);
    QPrintDialog dialog(&printer, this);
    if (dialog.exec() == QDialog::Accepted) printTo(printer);
}

void MainWindow::copyAsText() {
    const auto& plan = m_session.planner.current();
    if (!plan) {
        m_session.tell(tr("There is no plan to copy yet."));
        return;
    }
    QApplication::clipboard()->setText(plan_as_text(m_session.planner));
}

}  // namespace headroom::gui
