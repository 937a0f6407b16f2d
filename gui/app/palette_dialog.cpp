#include "gui/app/palette_dialog.h"

#include <QKeyEvent>
#include <QVBoxLayout>
#include <algorithm>

namespace headroom::gui {

PaletteDialog::PaletteDialog(std::vector<Command> commands, QWidget* parent)
    : QDialog(parent),
      m_commands(std::move(commands)),
      m_typed(new QLineEdit(this)),
      m_list(new QListWidget(this)),
      m_nothing(new QLabel(tr("No action has these words."), this)) {
    setWindowTitle(tr("Find an action"));
    resize(520, 420);
    m_typed->setPlaceholderText(tr("type a few letters"));
    m_typed->setAccessibleName(tr("Find an action"));
    m_list->setAccessibleName(tr("Actions"));
    m_list->setWordWrap(true);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_typed->installEventFilter(this);
    auto* column = new QVBoxLayout(this);
    column->addWidget(m_typed);
    column->addWidget(m_nothing);
    column->addWidget(m_list);
    connect(m_typed, &QLineEdit::textChanged, this, &PaletteDialog::filter);
    connect(m_typed, &QLineEdit::returnPressed, this, &PaletteDialog::accept);
    connect(m_list, &QListWidget::itemActivated, this, &PaletteDialog::accept);
    filter({});
}

void PaletteDialog::filter(const QString& typed) {
    const auto words = typed.split(QLatin1Char(' '), Qt::SkipEmptyParts);
    m_list->clear();
    for (std::size_t i = 0; i < m_commands.size(); ++i) {
        const auto& command = m_commands[i];
        const bool wanted = std::ranges::all_of(words, [&](const QString& word) {
            return command.words.contains(word, Qt::CaseInsensitive);
        });
        if (!wanted) continue;
        const auto line = command.keys.isEmpty()
                              ? command.words
                              : command.words + QStringLiteral("    ") + command.keys;
        auto* item = new QListWidgetItem(line, m_list);
        item->setData(Qt::UserRole, static_cast<qulonglong>(i));
    }
    m_list->setCurrentRow(0);
    m_nothing->setVisible(m_list->count() == 0);
}

QStringList PaletteDialog::shown() const {
    QStringList lines;
    for (int i = 0; i < m_list->count(); ++i) lines.append(m_list->item(i)->text());
    return lines;
}

void PaletteDialog::accept() {
    const auto* item = m_list->currentItem();
    QDialog::accept();
    if (item == nullptr) return;
    m_commands[static_cast<std::size_t>(item->data(Qt::UserRole).toULongLong())].run();
}

bool PaletteDialog::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() != QEvent::KeyPress) return QDialog::eventFilter(watched, event);
    const int key = static_cast<QKeyEvent*>(event)->key();
    const int step = key == Qt::Key_Down ? 1 : key == Qt::Key_Up ? -1 : 0;
    if (step == 0) return QDialog::eventFilter(watched, event);
    m_list->setCurrentRow(std::clamp(m_list->currentRow() + step, 0, m_list->count() - 1));
    return true;
}

}  // namespace headroom::gui
