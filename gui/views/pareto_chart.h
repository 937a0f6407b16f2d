#pragma once

#include <QtCharts/QChartView>
#include <QtCharts/QLineSeries>
#include <QtCharts/QScatterSeries>
#include <QtCharts/QValueAxis>
#include <cstdint>
#include <span>
#include <vector>

#include "gui/models/search_tables.h"

namespace headroom::gui {

/// The three things of which plans on the front have least.
enum class Quantity : std::uint8_t { memory, time, price };

/// Which of the three is where; colour and size say the same.
struct ParetoAxes {
    Quantity x = Quantity::time;
    Quantity y = Quantity::memory;
    Quantity colour = Quantity::price;
};
/// Every way to put the three; the usual one first.
std::span<const ParetoAxes> pareto_axes();
QString word_of(Quantity what);
/// "memory over time, colour: price".
QString words_of(const ParetoAxes& axes);

/// Memory, time and price of plans in one picture: two as axes, the third as the colour and the
/// size of each point, with a legend that says from where to where. A click or the arrow keys
/// choose one.
class ParetoChart : public QChartView {
    Q_OBJECT

public:
    explicit ParetoChart(QWidget* parent = nullptr);

    void setRows(std::vector<CandidateRow> rows, Bytes capacity);
    /// What it says without rows; empty: what a search puts here.
    void setEmptyWords(const QString& words);
    void setAxes(const ParetoAxes& axes);
    void setFigures(const Figures& figures);
    /// Marks a row; -1: none.
    void choose(int row);
    [[nodiscard]] int chosenRow() const { return m_chosen; }
    /// How a row is drawn: from 0, the least of the third quantity, to 1.
    [[nodiscard]] double shareOf(int row) const;
    /// Where a row is, in the view's own pixels.
    [[nodiscard]] QPointF placeOf(int row) const;

Q_SIGNALS:
    void chosen(int row);

protected:
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool viewportEvent(QEvent* event) override;
    void changeEvent(QEvent* event) override;
    void drawForeground(QPainter* painter, const QRectF& rect) override;

private:
    [[nodiscard]] double valueOf(const CandidateRow& row, Quantity what) const;
    [[nodiscard]] QString amountOf(const CandidateRow& row, Quantity what) const;
    [[nodiscard]] QString noteOf(int row) const;
    [[nodiscard]] int rowAt(QPointF place) const;
    [[nodiscard]] QString titleOf(Quantity what) const;
    void fill();
    void fillAxis(QValueAxis& axis, Quantity what);
    void fillLimit();
    void paintPoints(QPainter& painter) const;
    void paintLegend(QPainter& painter) const;

    std::vector<CandidateRow> m_rows{};
    Bytes m_capacity{};
    Figures m_figures{};
    ParetoAxes m_axes{};
    QString m_emptyWords{};
    int m_chosen = -1;
    QLineSeries* m_limit = nullptr;
    QValueAxis* m_x = nullptr;
    QValueAxis* m_y = nullptr;
};

}  // namespace headroom::gui
