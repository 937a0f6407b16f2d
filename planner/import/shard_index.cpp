#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "planner/base/json.h"
#include "planner/base/units.h"
#include "planner/import/config_keys.h"
#include "planner/import/model_files.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

constexpr std::int64_t kMaxTotal = limits::kParameters * 16;

using Shards = std::map<std::string, std::set<std::string>>;  ///< file -> the tensors it must hold

Shards shards_of(const JsonCursor& index) {
    Shards shards;
    for (const auto& [tensor, file] : index.at("weight_map").members()) {
        const auto& name = file.string();
        // A shard lies beside its index; anything else is no name for a file to open.
        if (name.empty() || name == ".." || name.find_first_of("/\\") != std::string::npos) {
            file.fail(fmt::format("is {}, must be the name of a file beside the index",
                                  quoted(file.value())));
        }
        shards[name].insert(tensor);
    }
    return shards;
}

bool all_there(const Shards& shards, const std::filesystem::path& folder) {
    return !shards.empty() && std::ranges::all_of(shards, [&](const auto& shard) {
        std::error_code ignored;
        return std::filesystem::is_regular_file(folder / shard.first, ignored);
    });
}

std::vector<StoredTensor> read_shards(const Shards& shards, const std::filesystem::path& folder) {
    std::vector<StoredTensor> tensors;
    std::set<std::string> names;
    for (const auto& [file, expected] : shards) {
        auto missing = expected;
        for (auto& tensor : read_safetensors_header(folder / file)) {
            missing.erase(tensor.name);
            if (!names.insert(tensor.name).second) {
                throw InputError(
                    (folder / file).string(),
                    fmt::format("{} is in more than one shard", quoted(Json(tensor.name))));
            }
            tensors.push_back(std::move(tensor));
        }
        if (!missing.empty()) {
            throw InputError((folder / file).string(),
                             fmt::format("lacks {}, which the index places there",
                                         quoted(Json(*missing.begin()))));
        }
    }
    return tensors;
}

struct Totals {
    std::int64_t parameters = 0;
    std::int64_t bytes = 0;
};

Totals totals_of(const JsonCursor& index) {
    const auto metadata = index.find("metadata");
    if (!metadata) return {};
    return {.parameters = metadata->integer_or("total_parameters", 0, 1, kMaxTotal),
            .bytes = metadata->integer_or("total_size", 0, 1, kMaxTotal)};
}

/// Half a byte to eight bytes a parameter is what files hold; totals beyond that are wrong.
bool is_plausible(const Totals& totals) {
    if (totals.parameters == 0) return false;
    return totals.bytes == 0 ||
           (totals.parameters <= 2 * totals.bytes && totals.bytes <= 8 * totals.parameters);
}

std::int64_t bytes_a_parameter(const std::optional<ModelDocument>& config) {
    if (!config) return 2;
    const ConfigKeys keys(config->cursor());
    const auto dtype = keys.find("dtype");
    return dtype && dtype->is_string() && dtype->string() == "float32" ? 4 : 2;
}

std::int64_t count_from(const Totals& totals, const std::optional<ModelDocument>& config,
                        std::vector<std::string>& notes) {
    if (is_plausible(totals)) {
        notes.emplace_back("the shards are not beside the index: its own total is used");
        return totals.parameters;
    }
    if (totals.parameters > 0) {
        notes.push_back(
            fmt::format("the index says {} parameters in {} bytes, which cannot be: "
                        "the bytes are used",
                        with_thousands(totals.parameters), with_thousands(totals.bytes)));
    }
    if (totals.bytes == 0) {
        notes.emplace_back("the shards are not beside the index and it states no total");
        return 0;
    }
    const auto each = bytes_a_parameter(config);
    notes.push_back(fmt::format("the shards are not beside the index: {} bytes at {} a parameter",
                                with_thousands(totals.bytes), each));
    return totals.bytes / each;
}

}  // namespace

bool is_shard_index(const JsonCursor& document) { return document.find("weight_map").has_value(); }

ModelSource model_from_index(const JsonCursor& index,
                             const std::optional<std::filesystem::path>& folder,
                             const std::optional<ModelDocument>& config, const std::string& name) {
    const auto shards = shards_of(index);
    const auto totals = totals_of(index);
    ModelSource source;
    if (folder && all_there(shards, *folder)) {
        source = model_from_tensors(read_shards(shards, *folder), config, name);
    } else {
        source.stored_parameters = count_from(totals, config, source.notes);
        source.spec = spec_beside(config, name, source.notes);
    }
    source.origin = "index";
    return source;
}

}  // namespace headroom
