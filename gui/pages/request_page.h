#pragma once

#include <QLabel>
#include <QToolButton>
#include <QWidget>

#include "gui/models/knob_model.h"
#include "gui/pages/session.h"
#include "gui/views/boxes.h"
#include "gui/views/knob_form.h"

class QFormLayout;
class QProcess;
class QScrollArea;

namespace headroom::gui {

/// What is asked: model, hardware, goal and sizes; behind one disclosure every setting there is.
class RequestPage : public QWidget {
    Q_OBJECT

public:
    explicit RequestPage(Session& session, QWidget* parent = nullptr);

    [[nodiscard]] KnobForm& form() { return *m_form; }
    [[nodiscard]] KnobModel& knobModel() { return m_knobs; }
    /// Shows or hides what is behind the disclosure.
    void disclose(bool open) { m_more->setChecked(open); }
    void focusModel() { m_model->setFocus(Qt::ShortcutFocusReason); }
    void focusGpu() { m_gpu->setFocus(Qt::ShortcutFocusReason); }

public Q_SLOTS:
    void chooseModel(const QString& name);
    void chooseTeacher(const QString& name);
    void clearTeacher();
    void chooseGpu(const QString& name);
    /// Measures this machine with headroom-run and takes its profile.
    void chooseThisMachine();

Q_SIGNALS:
    void openRequested();

protected:
    void changeEvent(QEvent* event) override;

private:
    void colourRefusal();
    void fitWidth();
    void addModel(QFormLayout& rows);
    void addHardware(QFormLayout& rows);
    void addRun(QFormLayout& rows);
    void addEngine(QFormLayout& rows);
    void addMore(QLayout& column);
    NumberBox* numberRow(QFormLayout& rows, const QString& label, const QString& name, double most,
                         PlanRequest (*with)(PlanRequest, std::int64_t));
    void fillNodes();
    void takeMachine();
    /// Takes a named model, or tells why there is none.
    template <class Edit>
    void takeModel(const QString& name, const QString& text, Edit with);
    void refresh();
    void edit(const PlanRequest& next, const QString& text, const QString& field = {});

    Session& m_session;
    KnobModel m_knobs{};
    NamePicker* m_model = nullptr;
    QLabel* m_modelNote = nullptr;
    NamePicker* m_teacher = nullptr;
    NamePicker* m_gpu = nullptr;
    QLabel* m_gpuNote = nullptr;
    NumberBox* m_gpus = nullptr;
    NumberBox* m_nodes = nullptr;
    ChoiceBox* m_node = nullptr;
    ChoiceBox* m_goal = nullptr;
    ChoiceBox* m_engine = nullptr;
    NumberBox* m_sequence = nullptr;
    NumberBox* m_batch = nullptr;
    NumberBox* m_tokens = nullptr;
    QScrollArea* m_area = nullptr;
    QLabel* m_refusal = nullptr;
    QToolButton* m_more = nullptr;
    KnobForm* m_form = nullptr;
    QProcess* m_detect = nullptr;
};

}  // namespace headroom::gui
