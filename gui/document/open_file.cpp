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
    if (holds_plan(json)) return plan_from_json({json, file + "#"}, library);
    if (holds_hardware(json)) return OpenedHardware{library.hardware.gpu(file, file)};
    return open_model(file, library);
}

}  // namespace headroom::gui
