#pragma once

#include <QWidget>
#include <vector>

#include "gui/models/search_tables.h"

namespace headroom::gui {

/// The ladder: a column a rung, what it buys falling from the rung before, the capacity as a line,
/// its step time below. A click, or Return on the chosen rung, adopts it.
class Waterfall : public QWidget {
    Q_OBJECT

public:
    explicit Waterfall(QWidget* parent = nullptr);

    void setRungs(std::vector<RungRow> rungs, Bytes capacity);
    void setFigures(const Figures& figures);
    void paint(QPainter& painter, const QRectF& box) const;
    [[nodiscard]] QSize sizeHint() const override { return {640, 300}; }
    [[nodiscard]] QSize minimumSizeHint() const override { return {420, 220}; }

Q_SIGNALS:
    void adopted(int rung);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool event(QEvent* event) override;

private:
    /// As large as every rung's words allow in a column of that width.
    [[nodiscard]] QFont wordFont(double width) const;
    [[nodiscard]] QFont amountFont(double width) const;
    [[nodiscard]] QFont fitted(const QStringList& words, double width) const;
    [[nodiscard]] QRectF plot(const QRectF& box) const;
    [[nodiscard]] QRectF column(const QRectF& box, int rung) const;
    [[nodiscard]] int rungAt(QPointF point) const;
    [[nodiscard]] double most() const;
    void paintRung(QPainter& painter, const QRectF& box, int rung) const;
    void paintAmount(QPainter& painter, const QRectF& box, int rung) const;
    void paintWords(QPainter& painter, const QRectF& box, int rung) const;

    std::vector<RungRow> m_rungs{};
    Bytes m_capacity{};
    Figures m_figures{};
    int m_focused = 0;
};

}  // namespace headroom::gui
