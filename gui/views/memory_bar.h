#pragma once

#include <QWidget>
#include <vector>

#include "gui/models/memory_places.h"

namespace headroom::gui {

/// A stacked bar a place against its capacity line. Hovering a segment tells how it comes about;
/// the arrow keys go from segment to segment.
class MemoryBar : public QWidget {
    Q_OBJECT

public:
    explicit MemoryBar(QWidget* parent = nullptr);

    void setPlaces(std::vector<MemoryPlace> places);
    void setFigures(const Figures& figures);
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }
    [[nodiscard]] const std::vector<MemoryPlace>& places() const { return m_places; }
    /// The picture alone: on screen, paper or into a file.
    void paint(QPainter& painter, const QRectF& box) const;
    /// What hovering there shows; empty outside the segments.
    [[nodiscard]] QString noteAt(QPointF point) const;

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    struct Segment {
        QRectF box{};
        const CategoryRow* row = nullptr;
    };
    struct Layout {
        double left = 0.0;   ///< of the bars
        double width = 0.0;  ///< of the scale
        double top = 0.0;
        double line = 0.0;  ///< from a bar to the next
        double bar = 0.0;
    };
    [[nodiscard]] Layout layoutIn(const QRectF& box) const;
    [[nodiscard]] double scaleOf(const MemoryPlace& place) const;
    [[nodiscard]] std::vector<Segment> segments(const QRectF& box) const;
    void tell();
    [[nodiscard]] QString sentence(const MemoryPlace& place) const;
    void paintPlace(QPainter& painter, const Layout& at, std::size_t index) const;
    void paintLegend(QPainter& painter, const QRectF& box) const;
    [[nodiscard]] QStringList legend() const;

    std::vector<MemoryPlace> m_places{};
    Figures m_figures{};
    int m_focused = -1;  ///< index into segments()
};

}  // namespace headroom::gui
