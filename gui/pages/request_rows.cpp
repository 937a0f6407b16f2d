#include <QFormLayout>
#include <QPushButton>
#include <algorithm>

#include "gui/document/edits.h"
#include "gui/models/forecast_table.h"
#include "gui/pages/request_page.h"
#include "planner/base/error.h"
#include "planner/import/model_source.h"
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

/// By Goal; short, so that the form stays narrow in large text.
constexpr std::pair<const char*, const char*> kGoalWords[] = {
    {"Pre-training", "Every weight, from scratch"},
    {"Full fine-tuning", "Every weight of a trained model"},
    {"Adapters, as LoRA", "LoRA, QLoRA or DoRA beside frozen weights"}};

}  // namespace

void RequestPage::addModel(QFormLayout& rows) {
    m_model = new NamePicker(model_names(m_session.library), tr("search, as in llama 8b"), this);
    m_model->setObjectName(QStringLiteral("model"));
    m_model->setAccessibleName(tr("Model"));
    m_modelNote = new NoteLabel(this);
    auto* open = new QPushButton(tr("Open a model or plan…"), this);
    open->setToolTip(
        tr("config.json, .safetensors, its index, a plan or a request; files can be "
           "dropped on the window as well"));
    rows.addRow(tr("&Model"), m_model);
    rows.addRow(QString(), m_modelNote);
    rows.addRow(QString(), open);
    m_teacher = new NamePicker(model_names(m_session.library), tr("none"), this);
    m_teacher->setObjectName(QStringLiteral("teacher"));
    m_teacher->setAccessibleName(tr("Teacher"));
    m_teacher->setAccessibleDescription(
        tr("A model that this one learns from (distillation); empty: none"));
    rows.addRow(tr("Teacher"), m_teacher);
    connect(m_teacher, &NamePicker::picked, this, &RequestPage::chooseTeacher);
    connect(m_teacher, &NamePicker::cleared, this, &RequestPage::clearTeacher);
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
    m_gpuNote = new NoteLabel(this);
    rows.addRow(tr("GP&U"), m_gpu);
    rows.addRow(QString(), m_gpuNote);
    connect(m_gpu, &NamePicker::picked, this, &RequestPage::chooseGpu);
    auto* machine = new QPushButton(tr("This machine"), this);
    machine->setObjectName(QStringLiteral("this_machine"));
    machine->setToolTip(tr("Measures this machine's processor and plans for it"));
    rows.addRow(QString(), machine);
    connect(machine, &QPushButton::clicked, this, &RequestPage::chooseThisMachine);
    m_gpus = numberRow(rows, tr("&GPUs"), QStringLiteral("gpus"), 1 << 20, with_gpus);
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
    for (const auto& [words, tip] : kGoalWords) {
        m_goal->addItem(tr(words));
        m_goal->setItemData(m_goal->count() - 1, tr(tip), Qt::ToolTipRole);
    }
    rows.addRow(tr("G&oal"), m_goal);
    connect(m_goal, &QComboBox::activated, this, [this](int at) {
        auto next = m_session.document.request();
        next.train.goal = kGoals[static_cast<std::size_t>(at)].first;
        edit(next, tr("goal"));
    });
    m_sequence = numberRow(rows, tr("Se&quence, tokens"), QStringLiteral("sequence"), 1 << 27,
                           with_sequence);
    m_batch = numberRow(rows, tr("&Batch, sequences"), QStringLiteral("batch"), 1e12, with_batch);
    m_batch->setToolTip(tr("Sequences an optimizer step takes over all GPUs"));
    m_tokens =
        numberRow(rows, tr("To&kens of the run"), QStringLiteral("tokens"), 1e15, with_tokens);
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

}  // namespace headroom::gui
