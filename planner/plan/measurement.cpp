#include "planner/plan/measurement.h"

#include <fmt/format.h>

#include <limits>
#include <tuple>

#include "planner/base/json.h"

namespace headroom {
namespace {

constexpr std::int64_t kMeasurementFormat = 1;
constexpr const char* kKind = "headroom-measurement";
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr double kLargest = 1e300;
constexpr std::string_view kLater = "padding_flops";  ///< files of the first runs lack it

// One list of fields a struct, for writing and reading alike.
template <class T>
struct Key {
    const char* name;
    T member;
};
template <class T>
Key(const char*, T) -> Key<T>;

auto fields(const MeasuredStage*) {
    using M = MeasuredStage;
    return std::tuple{Key{"stage", &M::stage}, Key{"process_bytes", &M::process},
                      Key{"free_bytes", &M::free}, Key{"total_bytes", &M::total}};
}
auto fields(const MeasuredMemory*) {
    using M = MeasuredMemory;
    return std::tuple{Key{"by_role", &M::by_role},      Key{"total", &M::total},
                      Key{"block", &M::block},          Key{"top", &M::top},
                      Key{"peak_op", &M::peak_op},      Key{"peak_phase", &M::peak_phase},
                      Key{"peak_layer", &M::peak_layer}};
}
auto fields(const MeasuredPhase*) {
    using M = MeasuredPhase;
    return std::tuple{Key{"phase", &M::phase}, Key{"matrix_flops", &M::matrix},
                      Key{"vector_flops", &M::vector}, Key{"padding_flops", &M::padding},
                      Key{"seconds", &M::time}};
}
auto fields(const MeasuredOp*) {
    using M = MeasuredOp;
    return std::tuple{Key{"op", &M::op},
                      Key{"phase", &M::phase},
                      Key{"count", &M::count},
                      Key{"matrix_flops", &M::matrix},
                      Key{"moved_bytes", &M::moved},
                      Key{"seconds", &M::time}};
}
auto fields(const MeasuredStep*) {
    using M = MeasuredStep;
    return std::tuple{Key{"loss", &M::loss}, Key{"gradient_norm", &M::gradient_norm},
                      Key{"loss_scale", &M::loss_scale}, Key{"skipped", &M::skipped},
                      Key{"seconds", &M::time}};
}
auto fields(const Measurement*) {
    using M = Measurement;
    return std::tuple{Key{"digest", &M::digest},
                      Key{"backend", &M::backend},
                      Key{"device", &M::device},
                      Key{"date", &M::date},
                      Key{"version", &M::version},
                      Key{"data", &M::data},
                      Key{"policy", &M::policy},
                      Key{"rank", &M::rank},
                      Key{"ranks", &M::ranks},
                      Key{"interrupted", &M::interrupted},
                      Key{"device_memory", &M::device_memory},
                      Key{"host_memory", &M::host_memory},
                      Key{"stages", &M::stages},
                      Key{"flops_method", &M::flops_method},
                      Key{"counter_method", &M::counter_method},
                      Key{"counter_flops", &M::counter_flops},
                      Key{"phases", &M::phases},
                      Key{"ops", &M::ops},
                      Key{"steps", &M::steps},
                      Key{"tokens_per_step", &M::tokens_per_step},
                      Key{"step_seconds", &M::step},
                      Key{"executor_overhead_seconds", &M::executor_overhead},
                      Key{"algorithms", &M::algorithms},
                      Key{"notes", &M::notes}};
}

Json written(const std::string& value) { return value; }
Json written(bool value) { return value; }
Json written(std::int64_t value) { return value; }
Json written(std::int32_t value) { return value; }
Json written(double value) { return value; }
Json written(Bytes value) { return value.count(); }
Json written(Flops value) { return value.count(); }
Json written(Seconds value) { return value.count(); }
Json written(const RoleBytes& bytes) {
    Json out = Json::object();
    for (std::size_t i = 0; i < kRoles; ++i) out[std::string(kRoleNames[i])] = bytes[i].count();
    return out;
}
template <class T>
Json written(const std::vector<T>& list);

template <class T>
Json written(const T& value) {
    Json out = Json::object();
    std::apply([&](const auto&... key) { ((out[key.name] = written(value.*key.member)), ...); },
               fields(&value));
    return out;
}
template <class T>
Json written(const std::vector<T>& list) {
    Json out = Json::array();
    for (const auto& each : list) out.push_back(written(each));
    return out;
}

void read(const JsonCursor& json, std::string& value) { value = json.string(); }
void read(const JsonCursor& json, bool& value) { value = json.boolean(); }
void read(const JsonCursor& json, std::int64_t& value) { value = json.integer(0, kMost); }
void read(const JsonCursor& json, std::int32_t& value) {
    value = static_cast<std::int32_t>(json.integer(-1, std::numeric_limits<std::int32_t>::max()));
}
void read(const JsonCursor& json, double& value) { value = json.number(-kLargest, kLargest); }
void read(const JsonCursor& json, Bytes& value) { value = Bytes{json.integer(0, kMost)}; }
void read(const JsonCursor& json, Flops& value) { value = Flops{json.number(0.0, kLargest)}; }
void read(const JsonCursor& json, Seconds& value) {
    value = Seconds{json.number(-kLargest, kLargest)};
}
void read(const JsonCursor& json, RoleBytes& bytes) {
    json.only(std::vector<std::string>(kRoleNames.begin(), kRoleNames.end()));
    for (std::size_t i = 0; i < kRoles; ++i) read(json.at(kRoleNames[i]), bytes[i]);
}
template <class T>
void read(const JsonCursor& json, std::vector<T>& list);

template <class T>
void read(const JsonCursor& json, T& value) {
    std::vector<std::string> known;
    if constexpr (std::is_same_v<T, Measurement>) known = {"format", "kind", "tokens_per_second"};
    std::apply([&](const auto&... key) { (known.emplace_back(key.name), ...); }, fields(&value));
    json.only(known);
    const auto field = [&](const auto& key) {
        if (kLater == key.name && !json.find(key.name)) return;
        using Member = std::remove_cvref_t<decltype(value.*key.member)>;
        if constexpr (std::is_same_v<Member, double>) {
            // JSON has no infinity: the gradient norm of a step that overflowed is null.
            const auto found = json.value().find(key.name);
            if (found != json.value().end() && found->is_null()) {
                value.*key.member = std::numeric_limits<double>::infinity();
                return;
            }
        }
        read(json.at(key.name), value.*key.member);
    };
    std::apply([&](const auto&... key) { (field(key), ...); }, fields(&value));
}
template <class T>
void read(const JsonCursor& json, std::vector<T>& list) {
    list.clear();
    for (const auto& element : json.elements()) read(element, list.emplace_back());
}

}  // namespace

Json to_json(const Measurement& measurement) {
    Json out = written(measurement);
    out["format"] = kMeasurementFormat;
    out["kind"] = kKind;
    out["tokens_per_second"] = measurement.tokens_per_second();
    return out;
}

Measurement measurement_from_json(const JsonCursor& json) {
    if (!is_measurement(json.value())) {
        json.fail(fmt::format("is no measurement, which has the kind \"{}\"", kKind));
    }
    static_cast<void>(json.at("format").integer(kMeasurementFormat, kMeasurementFormat));
    Measurement measurement;
    read(json, measurement);
    return measurement;
}

bool is_measurement(const Json& document) {
    return document.is_object() && document.contains("kind") && document["kind"] == kKind;
}

}  // namespace headroom
