#include "gui/pages/request_page.h"

#include <QEvent>
#include <QFormLayout>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QSignalBlocker>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/document/edits.h"
#include "gui/models/forecast_table.h"
#include "gui/views/theme.h"
#include "planner/base/error.h"
#include "planner/import/model_source.h"
#include "planner/lower/parameter_count.h"
#include "planner/spec/names.h"

namespace headroom::gui {
namespace {

QStringList model_names(const Library& library) {
    QStringList names;
    for (const auto& id : preset_ids(library.profiles_root)) names.append(text(id));
    return names;
}

QStringList gpu_names(const Library& library) {
    QStringList names;
    for (const auto& gpu : library.hardware.gpus()) names.append(text(gpu.id));
    return names;
}

PlanRequest with_sequence(PlanRequest request, std::int64_t value) {
    request.train.sequence = value;
    return request;
}
PlanRequest with_tokens(PlanRequest request, std::int64_t value) {
    request.train.tokens = value;
    return request;
}
PlanRequest with_nodes(PlanRequest request, std::int64_t nodes) {
    const auto each = std::max<std::int64_t>(1, request.hardware.profile.node.gpus);
    return with_gpus(std::move(request), nodes * each);
}

constexpr const char* kGoalWords[] = {"Pre-training: every weight, from scratch",
                                      "Full fine-tuning: every weight",
                                      "Adapters: LoRA, QLoRA or DoRA"};

void set_quietly(NumberBox& box, double value) {
    const QSignalBlocker quiet(&box);
    if (box.value() != value) box.setValue(value);
}

QLabel* small_note(QWidget* parent) {
    auto* label = new QLabel(parent);
    label->setWordWrap(true);
    label->setForegroundRole(QPalette::PlaceholderText);
    return label;
}

}  // namespace

RequestPage::RequestPage(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
    auto* area = new QScrollArea(this);
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
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
    // The editors take the font after this.
    if (event->type() == QEvent::FontChange) QTimer::singleShot(0, this, &RequestPage::fitWidth);
}

void RequestPage::addModel(QFormLayout& rows) {
    m_model = new NamePicker(model_names(m_session.library), tr("search, as in llama 8b"), this);
    m_model->setObjectName(QStringLiteral("model"));
    m_model->setAccessibleName(tr("Model"));
    m_modelNote = small_note(this);
    auto* open = new QPushButton(tr("Open a model or plan…"), this);
    open->setToolTip(
        tr("config.json, .safetensors, its index, a plan or a request; files can be "
           "dropped on the window as well"));
    rows.addRow(tr("&Model"), m_model);
    rows.addRow(QString(), m_modelNote);
    rows.addRow(QString(), open);
    connect(m_model, &NamePicker::picked, this, &RequestPage::chooseModel);
    connect(open, &QPushButton::clicked, this, &RequestPage::openRequested);
}

NumberBox* RequestPage::numberRow(QFormLayout& rows, const QString& label, const QString& name,
                                  double most, PlanRequest (*with)(PlanRequest, std::int64_t)) {
    auto* box =
        new NumberBox(name == QLatin1String("tokens") ? 0 : 1, most, 0, Steps::doubling, this);
    box->setObjectName(name);
    box->setAccessibleName(QString(label).remove(QLatin1Char('&')));
    rows.addRow(label, box);
    connect(box, &QDoubleSpinBox::valueChanged, this, [this, with, name](double value) {
        edit(with(m_session.document.request(), static_cast<std::int64_t>(value)), name, name);
    });
    return box;
}

void RequestPage::addHardware(QFormLayout& rows) {
    m_gpu = new NamePicker(gpu_names(m_session.library), tr("search, as in h100 or 4090"), this);
    m_gpu->setObjectName(QStringLiteral("gpu"));
    m_gpu->setAccessibleName(tr("GPU"));
    m_gpuNote = small_note(this);
    rows.addRow(tr("G&PU"), m_gpu);
    rows.addRow(QString(), m_gpuNote);
    connect(m_gpu, &NamePicker::picked, this, &RequestPage::chooseGpu);
    auto* machine = new QPushButton(tr("This machine"), this);
    machine->setObjectName(QStringLiteral("this_machine"));
    machine->setToolTip(tr("Measures this machine's processor and plans for it"));
    rows.addRow(QString(), machine);
    connect(machine, &QPushButton::clicked, this, &RequestPage::chooseThisMachine);
    m_gpus = numberRow(rows, tr("GP&Us"), QStringLiteral("gpus"), 1 << 20, with_gpus);
    m_nodes = numberRow(rows, tr("&Nodes"), QStringLiteral("nodes"), 1 << 20, with_nodes);
    m_node = new ChoiceBox(this);
    m_node->setFocusPolicy(Qt::StrongFocus);
    m_node->setAccessibleName(tr("Node type"));
    m_node->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    rows.addRow(tr("Node type"), m_node);
    connect(m_node, &QComboBox::activated, this, [this](int at) {
        auto next = m_session.document.request();
        const auto id = m_node->itemData(at).toString().toStdString();
        try {
            const auto& known = m_session.library.hardware;
            if (id.empty()) {
                next = with_gpu(next, next.hardware.gpu, known.gpu(next.hardware.gpu, "/hardware"));
            } else {
                next.hardware.profile.node = known.node(id, "/hardware/node");
                next.hardware.node = id;
            }
            edit(next, tr("node type"));
        } catch (const InputError& error) {
            m_session.tell(QString::fromUtf8(error.what()));
        }
    });
}

void RequestPage::addRun(QFormLayout& rows) {
    m_goal = new ChoiceBox(this);
    m_goal->setFocusPolicy(Qt::StrongFocus);
    m_goal->setObjectName(QStringLiteral("goal"));
    m_goal->setAccessibleName(tr("Goal"));
    for (const auto* words : kGoalWords) m_goal->addItem(tr(words));
    rows.addRow(tr("&Goal"), m_goal);
    connect(m_goal, &QComboBox::activated, this, [this](int at) {
        auto next = m_session.document.request();
        next.train.goal = kGoals[static_cast<std::size_t>(at)].first;
        edit(next, tr("goal"));
    });
    m_sequence = numberRow(rows, tr("&Sequence, tokens"), QStringLiteral("sequence"), 1 << 27,
                           with_sequence);
    m_batch = numberRow(rows, tr("&Batch, sequences"), QStringLiteral("batch"), 1e12, with_batch);
    m_batch->setToolTip(tr("Sequences an optimizer step takes over all GPUs"));
    m_tokens =
        numberRow(rows, tr("&Tokens of the run"), QStringLiteral("tokens"), 1e15, with_tokens);
    m_tokens->setToolTip(tr("0: price and time are those of one step"));
}

void RequestPage::addEngine(QFormLayout& rows) {
    m_engine = new ChoiceBox(this);
    m_engine->setFocusPolicy(Qt::StrongFocus);
    m_engine->setObjectName(QStringLiteral("engine"));
    m_engine->setAccessibleName(tr("Framework that runs the plan"));
    m_engine->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    for (const auto& choice : engine_choices()) {
        m_engine->addItem(choice.words, choice.name);
        m_engine->setItemData(m_engine->count() - 1, choice.tip, Qt::ToolTipRole);
    }
    rows.addRow(tr("Run b&y"), m_engine);
    connect(m_engine, &QComboBox::activated, this, [this](int at) {
        auto next = m_session.document.request();
        next.engine = m_engine->itemData(at).toString().toStdString();
        edit(next, tr("framework"));
    });
}

void RequestPage::addMore(QLayout& column) {
    m_more = new QToolButton(this);
    m_more->setText(tr("Every setting"));
    m_more->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_more->setArrowType(Qt::RightArrow);
    m_more->setCheckable(true);
    m_more->setAutoRaise(true);
    m_form = new KnobForm(
        m_knobs, {QStringLiteral("goal"), QStringLiteral("sequence"), QStringLiteral("tokens")},
        this);
    m_form->hide();
    column.addWidget(m_more);
    column.addWidget(m_form);
    connect(m_more, &QToolButton::toggled, this, [this](bool open) {
        m_more->setArrowType(open ? Qt::DownArrow : Qt::RightArrow);
        m_form->setVisible(open);
        fitWidth();
    });
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
        has_model ? tr("%1 parameters, %2 layers of width %3")
                        .arg(text(with_thousands(count_parameters(request.model).total())))
                        .arg(request.model.layers)
                        .arg(request.model.hidden)
                  : QString());
    m_modelNote->setVisible(has_model);
    m_gpu->showName(text(hardware.profile.id));
    m_gpuNote->setVisible(!hardware.profile.id.empty());
    m_gpuNote->setText(tr("%1 usable, %2")
                           .arg(m_session.figures().memory(hardware.profile.memory_capacity),
                                text(to_string(hardware.profile.memory_bandwidth))));
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
