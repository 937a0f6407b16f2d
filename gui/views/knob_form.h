#pragma once

#include <QLabel>
#include <QWidget>
#include <functional>
#include <vector>

#include "gui/models/knob_model.h"

namespace headroom::gui {

/// An editor for each row of the knob model, in sections by technique: what the knob table says is
/// what stands here. A setting that cannot be turned is greyed, with its reason beside it.
class KnobForm : public QWidget {
    Q_OBJECT

public:
    /// Leaves out the knobs in `elsewhere`, which have a place of their own.
    KnobForm(KnobModel& model, const QStringList& elsewhere, QWidget* parent = nullptr);

    /// The editor of a knob; null when it stands elsewhere.
    [[nodiscard]] QWidget* editorOf(std::string_view knob) const;

private:
    struct Line {
        int row = 0;
        QWidget* editor = nullptr;
        QLabel* label = nullptr;
        QLabel* reason = nullptr;
        std::function<void()> show{};  ///< puts the model's value into the editor
    };
    void addLine(class QGridLayout& grid, int row);
    QWidget* makeEditor(int row, std::function<void()>& show);
    QWidget* makeNumber(int row, std::function<void()>& show);
    QWidget* makeChoice(int row, std::function<void()>& show);
    QWidget* makeText(int row, std::function<void()>& show);
    void setValue(int row, const QString& text);
    [[nodiscard]] QString valueAt(int row) const;
    void refresh();

    KnobModel& m_model;
    std::vector<Line> m_lines{};
};

}  // namespace headroom::gui
