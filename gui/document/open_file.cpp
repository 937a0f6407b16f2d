#include "gui/document/open_file.h"

#include <QFileInfo>

#include "planner/base/json.h"
#include "planner/import/model_source.h"

namespace headroom::gui {
namespace {

OpenedModel open_model(const std::string& file, const Library& library) {
    auto source = load_model(file, library.profiles_root);
    if (!source.spec) {
        throw InputError(file,
                         "is of a family without an adapter: only its parameter count is "
                         "known, which is not enough for a plan");
    }
    return {.model = *source.spec, .notes = source.notes};
}

OpenedPlan opened_plan(const Json& document, const std::string& pointer, const Library& library) {
    const JsonCursor json(document, pointer);
    const auto stored = plan_from_json(json, library);
    OpenedPlan out{.draft = {.request = stored.request}, .digest = stored.digest};
    if (const auto question = json.find("question")) {
        out.draft.question = question_from_json(*question);
    }
    return out;
}

bool holds_plan(const Json& json) {
    return json.contains("request") || json.contains("hardware") || json.contains("best");
}

bool holds_hardware(const Json& json) {
    return json.contains("memory_capacity_gib") || json.contains("base");
}

}  // namespace

Opened open_file(const QString& path, const Library& library) {
    const auto file = path.toStdString();
    const QFileInfo info(path);
    if (info.isDir() || info.suffix() == QLatin1String("safetensors")) {
        return open_model(file, library);
    }
    const Json json = read_json_file(file);
    if (is_measurement(json)) return measurement_from_json({json, file + "#"});
    if (holds_plan(json)) return opened_plan(json, file + "#", library);
    if (holds_hardware(json)) return OpenedHardware{library.hardware.gpu(file, file)};
    return open_model(file, library);
}

Json saved_document(const Draft& draft, const Plan* plan) {
    const Json document =
        plan != nullptr ? to_json(*plan) : Json{{"request", to_json(draft.request)}};
    if (draft.question == SearchQuestion{}) return document;
    return {{"format", 1}, {"best", document}, {"question", to_json(draft.question)}};
}

}  // namespace headroom::gui
