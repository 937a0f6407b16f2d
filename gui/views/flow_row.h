#pragma once

#include <QLayout>
#include <algorithm>
#include <memory>
#include <vector>

namespace headroom::gui {

/// Widgets beside each other as far as there is room, the rest in the lines below. What is left of
/// a line goes to those that want to grow.
class FlowRow : public QLayout {
    Q_OBJECT

public:
    explicit FlowRow(QWidget* parent = nullptr);
    ~FlowRow() override;
    FlowRow(const FlowRow&) = delete;
    FlowRow& operator=(const FlowRow&) = delete;
    FlowRow(FlowRow&&) = delete;
    FlowRow& operator=(FlowRow&&) = delete;

    void addItem(QLayoutItem* item) override;
    [[nodiscard]] int count() const override { return static_cast<int>(m_items.size()); }
    [[nodiscard]] QLayoutItem* itemAt(int index) const override;
    QLayoutItem* takeAt(int index) override;
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSize() const override;
    [[nodiscard]] Qt::Orientations expandingDirections() const override { return Qt::Horizontal; }
    [[nodiscard]] bool hasHeightForWidth() const override { return true; }
    [[nodiscard]] int heightForWidth(int width) const override;
    void setGeometry(const QRect& box) override;

private:
    using Line = std::vector<QLayoutItem*>;
    [[nodiscard]] std::vector<Line> linesIn(int width) const;
    void placeLine(const Line& line, const QRect& box) const;
    [[nodiscard]] int gap() const { return std::max(0, spacing()); }

    std::vector<std::unique_ptr<QLayoutItem>> m_items{};
};

/// A widget and the words before it, which stay in one line.
QLayout* labelled(const QString& words, QWidget* widget, QWidget* parent);

}  // namespace headroom::gui
