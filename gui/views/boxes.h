#pragma once

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QStringList>

namespace headroom::gui {

enum class Steps { byOne, doubling };

/// A number up to 10^15 that takes every key press at once. It leaves the mouse wheel alone until
/// it has the focus.
class NumberBox : public QDoubleSpinBox {
    Q_OBJECT

public:
    NumberBox(double low, double high, int decimals, Steps steps, QWidget* parent = nullptr);

    void stepBy(int steps) override;
    [[nodiscard]] QString textFromValue(double value) const override;
    [[nodiscard]] double valueFromText(const QString& text) const override;
    [[nodiscard]] QValidator::State validate(QString& text, int& at) const override;
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }

protected:
    void wheelEvent(QWheelEvent* event) override;

private:
    Steps m_steps;
};

/// A list of words; the same about the wheel.
class ChoiceBox : public QComboBox {
    Q_OBJECT

public:
    using QComboBox::QComboBox;

    /// Qt's own keeps the width of the font before until the style changes.
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }

protected:
    void wheelEvent(QWheelEvent* event) override;
};

/// Secondary text that wraps.
class NoteLabel : public QLabel {
    Q_OBJECT

public:
    explicit NoteLabel(QWidget* parent = nullptr);

protected:
    void changeEvent(QEvent* event) override;

private:
    void colour();
};

/// A line that always has room for its prompt.
class PromptLine : public QLineEdit {
    Q_OBJECT

public:
    explicit PromptLine(const QString& prompt, QWidget* parent = nullptr);

    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }
};

/// A name out of many: typing narrows a list down to those that hold every word typed.
class NamePicker : public PromptLine {
    Q_OBJECT

public:
    NamePicker(QStringList names, const QString& prompt, QWidget* parent = nullptr);

    /// Shows a name without telling it.
    void showName(const QString& name);
    [[nodiscard]] QStringList matches(const QString& typed) const;

Q_SIGNALS:
    /// Return was pressed or a row taken: a known name, or what was typed.
    void picked(QString name);
    /// Return was pressed where a name was taken out.
    void cleared();

protected:
    void focusInEvent(QFocusEvent* event) override;

private:
    void finish();

    QStringList m_names;
    QString m_shown{};
};

}  // namespace headroom::gui
