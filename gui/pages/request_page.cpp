#include "gui/pages/request_page.h"

#include <QEvent>
#include <QFormLayout>
#include <QScrollArea>
#include <QScrollBar>
#include <QSignalBlocker>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/document/edits.h"
#include "gui/models/forecast_table.h"
#include "gui/views/theme.h"
#include "planner/lower/parameter_count.h"

namespace headroom::gui {
namespace {

void set_quietly(NumberBox& box, double value) {
    const QSignalBlocker quiet(&box);
    if (box.value() != value) box.setValue(value);
}

}  // namespace

RequestPage::RequestPage(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
    auto* area = new QScrollArea(this);
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setAccessibleName(tr("Request"));
    area->setFocusPolicy(Qt::NoFocus);  // its editors scroll it as they are reached
    area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* inside = new QWidget(area);
    auto* column = new QVBoxLayout(inside);
    auto* rows = new QFormLayout;
    rows->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    column->addLayout(rows);
    addModel(*rows);
    addHardware(*rows);
    addRun(*rows);
    addEngine(*rows);
    m_refusal = new QLabel(inside);
    m_refusal->setWordWrap(true);
    m_refusal->setObjectName(QStringLiteral("refusal"));
    m_refusal->setAccessibleName(tr("Why there is no plan"));
    column->addWidget(m_refusal);
    addMore(*column);
    column->addStretch(1);
    area->setWidget(inside);
    auto* all = new QVBoxLayout(this);
    all->setContentsMargins(0, 0, 0, 0);
    all->addWidget(area);
    m_area = area;
    fitWidth();
    connect(&session.document, &PlanDocument::requestChanged, this, &RequestPage::refresh);
    connect(&session.planner, &Planner::formChanged, &m_knobs, &KnobModel::setStates);
    connect(&session.planner, &Planner::planRefused, m_refusal, [this](const QString& sentence) {
        colourRefusal();
        m_refusal->setText(sentence);
    });
    connect(&session.planner, &Planner::planChanged, m_refusal, &QLabel::clear);
    connect(&session, &Session::figuresChanged, this, &RequestPage::refresh);
    connect(&m_knobs, &KnobModel::edited, this, &RequestPage::edit);
    connect(&m_knobs, &KnobModel::refused, &session, &Session::tell);
    refresh();
}

/// Nothing is cut off at the right, the scroll bar's width included.
void RequestPage::fitWidth() {
    m_area->widget()->layout()->activate();
    const int bar = m_area->verticalScrollBar()->sizeHint().width();
    m_area->setMinimumWidth(m_area->widget()->minimumSizeHint().width() + bar);
}

void RequestPage::colourRefusal() {
    QPalette colours = palette();
    colours.setColor(QPalette::WindowText, toneColour(Tone::bad, colours));
    m_refusal->setPalette(colours);
}

void RequestPage::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (m_refusal == nullptr) return;
    if (event->type() == QEvent::PaletteChange) colourRefusal();
    // The editors take font and style after this.
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        QTimer::singleShot(0, this, &RequestPage::fitWidth);
    }
}

void RequestPage::edit(const PlanRequest& next, const QString& text, const QString& field) {
    m_session.document.edit(next, text, field);
}

void RequestPage::refresh() {
    const auto& request = m_session.document.request();
    const auto& hardware = request.hardware;
    const bool has_model = request.model.layers > 0;
    m_model->showName(text(request.model_name.empty() ? request.model.name : request.model_name));
    m_modelNote->setText(
        has_model
            ? kept_together(tr("%1 parameters, %2 layers of width %3")
                                .arg(text(with_thousands(count_parameters(request.model).total())))
                                .arg(request.model.layers)
                                .arg(request.model.hidden))
            : QString());
    m_modelNote->setVisible(has_model);
    const auto& distill = request.distill;
    m_teacher->showName(!distill.is_on()               ? QString()
                        : distill.teacher_name.empty() ? text(distill.teacher->name)
                                                       : text(distill.teacher_name));
    m_gpu->showName(text(hardware.profile.id));
    m_gpuNote->setVisible(!hardware.profile.id.empty());
    m_gpuNote->setText(
        kept_together(tr("%1 usable, %2")
                          .arg(m_session.figures().memory(hardware.profile.memory_capacity),
                               text(to_string(hardware.profile.memory_bandwidth)))));
    const auto each = std::max<std::int64_t>(1, hardware.profile.node.gpus);
    set_quietly(*m_gpus, static_cast<double>(hardware.gpus));
    set_quietly(*m_nodes, static_cast<double>((hardware.gpus + each - 1) / each));
    {
        const QSignalBlocker quiet(m_goal);
        m_goal->setCurrentIndex(static_cast<int>(request.train.goal));
    }
    {
        const QSignalBlocker quiet(m_engine);
        m_engine->setCurrentIndex(engine_choice_of(request.engine));
        m_engine->setToolTip(m_engine->currentData(Qt::ToolTipRole).toString());
    }
    set_quietly(*m_sequence, static_cast<double>(request.train.sequence));
    set_quietly(*m_batch, static_cast<double>(batch_of(request)));
    set_quietly(*m_tokens, static_cast<double>(request.train.tokens));
    fillNodes();
    m_knobs.setRequest(request);
}

}  // namespace headroom::gui
