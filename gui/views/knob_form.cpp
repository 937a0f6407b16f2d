#include "gui/views/knob_form.h"

#include <QCheckBox>
#include <QGridLayout>
#include <QGroupBox>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QStandardItemModel>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/models/figures.h"
#include "gui/views/boxes.h"

namespace headroom::gui {
namespace {

/// Counts that step by one; degrees and batches double.
bool steps_by_one(const Knob& knob) { return knob.low == 0 || knob.high <= 64; }

/// Techniques whose names are not spelled like words.
constexpr std::pair<std::string_view, const char*> kNames[] = {
    {"lora", "LoRA"}, {"moe", "MoE"}, {"qat", "QAT"}, {"qlora", "QLoRA"}, {"zero", "ZeRO"}};

QString title_of(std::string_view technique) {
    if (technique.empty()) return QObject::tr("Batch and data");
    for (const auto& [id, name] : kNames) {
        if (technique == id) return QString::fromUtf8(name);
    }
    auto title = text(technique).replace(QLatin1Char('_'), QLatin1Char(' '));
    title[0] = title[0].toUpper();
    return title;
}

}  // namespace

KnobForm::KnobForm(KnobModel& model, const QStringList& elsewhere, QWidget* parent)
    : QWidget(parent), m_model(model) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    std::vector<std::pair<std::string_view, QGridLayout*>> sections;
    for (int row = 0; row < m_model.rowCount(); ++row) {
        const Knob& knob = KnobModel::knobAt(row);
        if (elsewhere.contains(text(knob.name))) continue;
        auto section = std::ranges::find(sections, knob.technique,
                                         &std::pair<std::string_view, QGridLayout*>::first);
        if (section == sections.end()) {
            auto* group = new QGroupBox(title_of(knob.technique), this);
            auto* grid = new QGridLayout(group);
            grid->setColumnStretch(2, 1);
            column->addWidget(group);
            section = sections.insert(section, {knob.technique, grid});
        }
        addLine(*section->second, row);
    }
    column->addStretch(1);
    connect(&m_model, &QAbstractItemModel::dataChanged, this, &KnobForm::refresh);
    refresh();
}

QWidget* KnobForm::editorOf(std::string_view knob) const {
    const auto line = std::ranges::find_if(
        m_lines, [&](const auto& each) { return KnobModel::knobAt(each.row).name == knob; });
    return line == m_lines.end() ? nullptr : line->editor;
}

void KnobForm::addLine(QGridLayout& grid, int row) {
    const Knob& knob = KnobModel::knobAt(row);
    Line line{.row = row};
    line.label = new QLabel(label_of(knob), this);
    line.editor = makeEditor(row, line.show);
    line.editor->setObjectName(text(knob.name));
    line.editor->setAccessibleName(label_of(knob));
    line.editor->setAccessibleDescription(text(knob.help));
    line.label->setBuddy(line.editor);
    line.reason = new NoteLabel(this);
    const int at = grid.rowCount();
    grid.addWidget(line.label, at, 0);
    grid.addWidget(line.editor, at, 1);
    grid.addWidget(line.reason, at, 2);
    m_lines.push_back(std::move(line));
}

QWidget* KnobForm::makeEditor(int row, std::function<void()>& show) {
    switch (KnobModel::knobAt(row).kind) {
        case KnobKind::boolean: {
            auto* box = new QCheckBox(this);
            connect(box, &QCheckBox::clicked, this, [this, row](bool on) {
                setValue(row, on ? QStringLiteral("true") : QStringLiteral("false"));
            });
            show = [this, row, box] { box->setChecked(valueAt(row) == QLatin1String("true")); };
            return box;
        }
        case KnobKind::integer:
        case KnobKind::number:
            return makeNumber(row, show);
        case KnobKind::choice:
            return makeChoice(row, show);
        case KnobKind::list:
            return makeText(row, show);
    }
    return new QWidget(this);
}

QWidget* KnobForm::makeNumber(int row, std::function<void()>& show) {
    const Knob& knob = KnobModel::knobAt(row);
    const bool whole = knob.kind == KnobKind::integer;
    auto* box = new NumberBox(knob.low, knob.high, whole ? 0 : 6,
                              whole && !steps_by_one(knob) ? Steps::doubling : Steps::byOne, this);
    connect(box, &QDoubleSpinBox::valueChanged, this, [this, row, whole](double value) {
        setValue(row, whole ? QString::number(static_cast<qint64>(value))
                            : QString::number(value, 'g', 12));
    });
    show = [this, row, box] {
        const double value = valueAt(row).toDouble();
        if (box->value() != value) box->setValue(value);
    };
    return box;
}

QWidget* KnobForm::makeChoice(int row, std::function<void()>& show) {
    auto* box = new ChoiceBox(this);
    box->setFocusPolicy(Qt::StrongFocus);
    for (const auto word : KnobModel::knobAt(row).choices) box->addItem(text(word));
    connect(box, &QComboBox::textActivated, this,
            [this, row](const QString& word) { setValue(row, word); });
    show = [this, row, box] {
        box->setCurrentText(valueAt(row));
        auto* items = qobject_cast<QStandardItemModel*>(box->model());
        for (const auto& choice : m_model.stateAt(row).choices) {
            const int at = box->findText(choice.word);
            if (items == nullptr || at < 0) continue;
            items->item(at)->setEnabled(choice.reason.isEmpty());
            items->item(at)->setToolTip(choice.reason);
        }
    };
    return box;
}

QWidget* KnobForm::makeText(int row, std::function<void()>& show) {
    auto* box = new QLineEdit(this);
    box->setPlaceholderText(tr("all"));
    connect(box, &QLineEdit::editingFinished, this, [this, row, box] {
        if (box->text() != valueAt(row)) setValue(row, box->text());
    });
    show = [this, row, box] { box->setText(valueAt(row)); };
    return box;
}

QString KnobForm::valueAt(int row) const {
    return m_model.index(row, KnobModel::ValueColumn).data().toString();
}

void KnobForm::setValue(int row, const QString& text) {
    const bool taken =
        m_model.setData(m_model.index(row, KnobModel::ValueColumn), text, Qt::EditRole);
    if (!taken) refresh();
}

void KnobForm::refresh() {
    for (const auto& line : m_lines) {
        const QSignalBlocker quiet(line.editor);
        line.show();
        const auto& reason = m_model.stateAt(line.row).reason;
        auto tip = m_model.index(line.row, 0).data(Qt::ToolTipRole).toString();
        line.editor->setEnabled(reason.isEmpty());
        line.label->setEnabled(reason.isEmpty());
        line.label->setToolTip(tip);
        const bool mayScroll = KnobModel::knobAt(line.row).kind == KnobKind::list;
        if (mayScroll) tip.prepend(valueAt(line.row) + QLatin1Char('\n'));
        line.editor->setToolTip(tip);
        if (line.reason->text() != reason) line.reason->setText(reason);
    }
}

}  // namespace headroom::gui
