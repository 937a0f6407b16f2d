#include <QApplication>
#include <QDialog>
#include <QLineEdit>
#include <QMessageBox>
#include <QTextBrowser>
#include <QVBoxLayout>

#include "gui/app/actions.h"
#include "gui/app/glossary.h"
#include "gui/app/main_window.h"
#include "gui/app/palette_dialog.h"

namespace headroom::gui {
namespace {

/// Terms that hold what was typed, as rich text; the term at hand first.
QString page_of(const QString& typed, const Term& first) {
    QString page;
    const auto add = [&](const Term& term) {
        page += QStringLiteral("<p><b>%1</b><br>%2</p>")
                    .arg(term.name.toHtmlEscaped(), term.meaning.toHtmlEscaped());
    };
    if (!first.meaning.isEmpty() && typed.isEmpty()) {
        add(first);
        page += QStringLiteral("<hr>");
    }
    for (const auto& term : glossary()) {
        const bool holds = (term.name + term.meaning).contains(typed, Qt::CaseInsensitive);
        if (typed.isEmpty() || holds) add(term);
    }
    return page.isEmpty() ? QObject::tr("No term has these words.") : page;
}

}  // namespace

void MainWindow::showPalette() {
    std::vector<Command> commands;
    for (const auto& row : action_rows()) {
        commands.push_back({tr(row.words).remove(QLatin1Char('&')), QString::fromUtf8(row.keys),
                            [this, row] { (this->*row.run)(); }});
    }
    for (int page = 0; page < m_pages->count(); ++page) {
        commands.push_back({tr("Go to: %1").arg(m_pages->tabText(page).remove(QLatin1Char('&'))),
                            {},
                            [this, page] { m_pages->setCurrentIndex(page); }});
    }
    for (const auto& knob : knobs()) {
        auto* editor = m_request->form().editorOf(knob.name);
        if (editor == nullptr) continue;
        commands.push_back(
            {tr("Set %1 – %2").arg(label_of(knob), text(knob.help)), {}, [this, editor] {
                 m_request->disclose(true);
                 editor->setFocus(Qt::ShortcutFocusReason);
             }});
    }
    auto* dialog = new PaletteDialog(std::move(commands), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void MainWindow::showGlossary() {
    const auto* focused = QApplication::focusWidget();
    const auto term = term_named(focused != nullptr ? focused->accessibleName() : QString());
    auto* dialog = new QDialog(this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setObjectName(QStringLiteral("glossary"));
    dialog->setWindowTitle(tr("What a term means"));
    dialog->resize(560, 520);
    auto* column = new QVBoxLayout(dialog);
    auto* typed = new QLineEdit(dialog);
    typed->setPlaceholderText(tr("search the terms"));
    typed->setAccessibleName(tr("Search the terms"));
    auto* page = new QTextBrowser(dialog);
    page->setAccessibleName(tr("Terms"));
    column->addWidget(typed);
    column->addWidget(page);
    connect(typed, &QLineEdit::textChanged, page,
            [page, term](const QString& words) { page->setHtml(page_of(words, term)); });
    page->setHtml(page_of({}, term));
    dialog->open();
}

void MainWindow::showAbout() {
    QMessageBox::about(this, tr("About Headroom"),
                       tr("<b>Headroom %1</b><p>Plans the memory and the cost of training a "
                          "language model.<p>Apache License 2.0; the window uses Qt and Qt Charts "
                          "(GPL 3).")
                           .arg(QStringLiteral(HEADROOM_VERSION)));
}

}  // namespace headroom::gui
