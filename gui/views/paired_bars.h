#pragma once

#include <QWidget>
#include <vector>

#include "gui/models/figures.h"
#include "planner/plan/findings.h"

namespace headroom::gui {

/// Predicted over measured, a pair of bars a finding; each group has its own scale.
class PairedBars : public QWidget {
    Q_OBJECT

public:
    explicit PairedBars(QWidget* parent = nullptr);

    /// Findings whose numbers are amounts of bytes or time.
    void setFindings(const std::vector<Finding>& findings);
    void setFigures(const Figures& figures);
    void paint(QPainter& painter, const QRectF& box) const;
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    [[nodiscard]] double lineHeight() const { return fontMetrics().height() * 1.5; }
    void paintPair(QPainter& painter, const QRectF& line, const Finding& row, double most) const;

    std::vector<Finding> m_rows{};
    Figures m_figures{};
};

}  // namespace headroom::gui
