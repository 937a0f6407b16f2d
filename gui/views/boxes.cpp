#include "gui/views/boxes.h"

#include <QCompleter>
#include <QStringListModel>
#include <QStyleOptionFrame>
#include <QTimer>
#include <QWheelEvent>
#include <algorithm>

#include "gui/views/theme.h"

namespace headroom::gui {

NumberBox::NumberBox(double low, double high, int decimals, Steps steps, QWidget* parent)
    : QDoubleSpinBox(parent), m_steps(steps) {
    setFocusPolicy(Qt::StrongFocus);
    setDecimals(decimals);
    setRange(low, high);
    setLocale(QLocale::c());
}

void NumberBox::stepBy(int steps) {
    if (m_steps == Steps::byOne) {
        setValue(value() + (decimals() == 0 ? steps : steps * 0.1));
    } else {
        setValue(steps > 0 ? std::max(value() * 2.0, 1.0) : std::floor(value() / 2.0));
    }
    selectAll();
}

/// No trailing zeros; large counts as people write them: 15e9.
QString NumberBox::textFromValue(double value) const {
    if (decimals() > 0) return QString::number(value, 'g', 8);
    const double billions = value / 1e9;
    if (billions >= 1.0 && billions == std::floor(billions * 1000.0) / 1000.0) {
        return QString::number(billions, 'g', 12) + QStringLiteral("e9");
    }
    return QString::number(static_cast<qint64>(value));
}

double NumberBox::valueFromText(const QString& text) const { return text.toDouble(); }

QValidator::State NumberBox::validate(QString& text, int& at) const {
    Q_UNUSED(at)
    bool number = false;
    const double typed = text.toDouble(&number);
    if (number && (decimals() > 0 || typed == std::floor(typed))) {
        if (typed > maximum()) return QValidator::Invalid;
        return typed < minimum() ? QValidator::Intermediate : QValidator::Acceptable;
    }
    const bool unfinished = std::ranges::all_of(
        text, [](QChar each) { return each.isDigit() || QStringLiteral("+-.eE").contains(each); });
    return unfinished ? QValidator::Intermediate : QValidator::Invalid;
}

QSize NumberBox::sizeHint() const {
    return {fontMetrics().horizontalAdvance(QStringLiteral("000000000")) + 40,
            QDoubleSpinBox::sizeHint().height()};
}

void NumberBox::wheelEvent(QWheelEvent* event) {
    if (hasFocus()) {
        QDoubleSpinBox::wheelEvent(event);
    } else {
        event->ignore();
    }
}

void ChoiceBox::wheelEvent(QWheelEvent* event) {
    if (hasFocus()) {
        QComboBox::wheelEvent(event);
    } else {
        event->ignore();
    }
}

NoteLabel::NoteLabel(QWidget* parent) : QLabel(parent) {
    setWordWrap(true);
    colour();
}

void NoteLabel::changeEvent(QEvent* event) {
    QLabel::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) colour();
}

void NoteLabel::colour() {
    const QColor faint = toneColour(Tone::faint, palette());
    if (palette().color(QPalette::WindowText) == faint) return;
    QPalette colours = palette();
    colours.setColor(QPalette::WindowText, faint);
    setPalette(colours);
}

PromptLine::PromptLine(const QString& prompt, QWidget* parent) : QLineEdit(parent) {
    setPlaceholderText(prompt);
    setClearButtonEnabled(true);
}

/// Qt's own depends on whether the button that clears it is shown.
QSize PromptLine::sizeHint() const {
    QStyleOptionFrame option;
    initStyleOption(&option);
    const auto metric = [this](QStyle::PixelMetric each) {
        return style()->pixelMetric(each, nullptr, this);
    };
    const int button =
        metric(QStyle::PM_LineEditIconSize) + 3 * metric(QStyle::PM_LineEditIconMargin);
    const QSize words(fontMetrics().horizontalAdvance(placeholderText()) + button,
                      fontMetrics().height());
    return {style()->sizeFromContents(QStyle::CT_LineEdit, &option, words, this).width(),
            QLineEdit::sizeHint().height()};
}

NamePicker::NamePicker(QStringList names, const QString& prompt, QWidget* parent)
    : PromptLine(prompt, parent), m_names(std::move(names)) {
    auto* model = new QStringListModel(m_names, this);
    auto* completer = new QCompleter(model, this);
    completer->setCompletionMode(QCompleter::UnfilteredPopupCompletion);
    completer->setMaxVisibleItems(12);
    setCompleter(completer);
    connect(this, &QLineEdit::textEdited, model,
            [this, model](const QString& typed) { model->setStringList(matches(typed)); });
    connect(completer, qOverload<const QString&>(&QCompleter::activated), this,
            [this](const QString& name) {
                showName(name);
                Q_EMIT picked(name);
            });
    connect(this, &QLineEdit::returnPressed, this, &NamePicker::finish);
}

void NamePicker::showName(const QString& name) {
    m_shown = name;
    setToolTip(name);
    if (text() != name) setText(name);
}

QStringList NamePicker::matches(const QString& typed) const {
    const auto words = typed.split(QLatin1Char(' '), Qt::SkipEmptyParts);
    QStringList out;
    for (const auto& name : m_names) {
        const bool holds = std::ranges::all_of(
            words, [&](const QString& word) { return name.contains(word, Qt::CaseInsensitive); });
        if (holds) out.append(name);
    }
    return out;
}

void NamePicker::finish() {
    const auto typed = text().trimmed();
    if (typed == m_shown) return;
    if (typed.isEmpty()) {
        Q_EMIT cleared();
        return;
    }
    const auto found = matches(typed);
    const auto name = m_names.contains(typed) || found.isEmpty() ? typed : found.first();
    showName(name);
    Q_EMIT picked(name);
}

void NamePicker::focusInEvent(QFocusEvent* event) {
    QLineEdit::focusInEvent(event);
    if (event->reason() == Qt::PopupFocusReason) return;
    QTimer::singleShot(0, this, [this] {
        if (hasFocus()) selectAll();
    });
}

}  // namespace headroom::gui
