#include <QApplication>
#include <QBuffer>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QPainter>
#include <QPrintDialog>
#include <QPrinter>
#include <QScrollArea>
#include <QSortFilterProxyModel>
#include <QStatusBar>
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

/// Every table that a page shows, one below the other, each through `format` under its name.
template <class Format>
QString tables_of(const QWidget& page, const QString& heading, const Format& format) {
    QString out;
    for (const auto* table : page.findChildren<QTableView*>()) {
        if (!table->isVisibleTo(&page) || table->model()->rowCount() == 0) continue;
        out += heading.arg(table->accessibleName()) + format(*table->model()) + QLatin1Char('\n');
    }
    if (out.isEmpty()) throw InputError("", "This page has no table with rows to export.");
    return out;
}

/// What a page scrolls through, at its own size: what is out of view is part of the picture.
QWidget& whole(QWidget& page) {
    const auto* area = page.findChild<QScrollArea*>(QString(), Qt::FindDirectChildrenOnly);
    return area != nullptr ? *area->widget() : page;
}

QByteArray as_png(QWidget& page) {
    QBuffer out;
    out.open(QIODevice::WriteOnly);
    page.grab().save(&out, "PNG");
    return out.data();
}

QByteArray as_svg(QWidget& page) {
    QBuffer out;
    out.open(QIODevice::WriteOnly);
    QSvgGenerator svg;
    svg.setOutputDevice(&out);
    svg.setSize(page.size());
    svg.setViewBox(page.rect());
    svg.setTitle(QStringLiteral("Headroom"));
    QPainter painter(&svg);
    page.render(&painter);
    painter.end();
    return out.data();
}

/// What `headroom predict` prints; what a framework makes of the plan stands first.
QString plan_as_text(const Planner& planner) {
    const Plan& plan = *planner.current();
    const auto& forecast = planner.forecast();
    const auto first = forecast ? cli::engine_text(plan, *forecast, kPlainText) + "\n" : "";
    return QString::fromStdString(first + cli::plan_text(plan, kPlainText));
}

}  // namespace

QByteArray MainWindow::exported(const QString& path) {
    QWidget& page = *m_pages->currentWidget();
    const auto kind = QFileInfo(path).suffix().toLower();
    if (kind == QLatin1String("png")) return as_png(whole(page));
    if (kind == QLatin1String("svg")) return as_svg(whole(page));
    if (kind == QLatin1String("csv")) {
        return tables_of(page, QStringLiteral("%1\n"), as_csv).toUtf8();
    }
    if (kind == QLatin1String("md")) {
        return tables_of(page, QStringLiteral("## %1\n\n"), as_markdown).toUtf8();
    }
    const auto& plan = m_session.planner.current();
    if (!plan) throw InputError("", "There is no plan to export yet.");
    if (kind == QLatin1String("json")) {
        return QByteArray::fromStdString(cli::json_text(to_json(*plan)));
    }
    if (kind == QLatin1String("txt")) return plan_as_text(m_session.planner).toUtf8();
    throw InputError(path.toStdString(), "must end in .json, .csv, .md, .txt, .png or .svg");
}

bool MainWindow::exportTo(const QString& path) {
    try {
        write_file_atomically(path.toStdString(), exported(path).toStdString());
    } catch (const std::exception& error) {
        m_messages->showMessage(QString::fromUtf8(error.what()), Tone::bad);
        return false;
    }
    statusBar()->showMessage(tr("%1 is written.").arg(path));
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
    QWidget& page = whole(*m_pages->currentWidget());
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
