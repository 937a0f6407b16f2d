#include "gui/pages/session.h"

#include <utility>

#include "planner/cli/report_engine.h"

namespace headroom::gui {

Session::Session(Library known, QObject* parent)
    : QObject(parent), library(std::move(known)), planner(cli::load_timing(library.profiles_root)) {
    connect(&document, &PlanDocument::requestChanged, &planner,
            [this] { planner.plan(document.request()); });
}

void Session::setFigures(const Figures& figures) {
    m_figures = figures;
    Q_EMIT figuresChanged(figures);
}

}  // namespace headroom::gui
