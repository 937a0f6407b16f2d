#include "planner/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "planner/base/error.h"
#include "planner/engine/rows.h"

namespace headroom {

std::span<const Engine> engines() {
    static const std::vector<Engine> kAll = [] {
        std::vector<Engine> all;
        for (const auto& rows : {megatron_rows(), fsdp_rows(), hf_rows(), deepspeed_rows(),
                                 recipe_rows(), native_rows()}) {
            all.insert(all.end(), rows.begin(), rows.end());
        }
        return all;
    }();
    return kAll;
}

std::string full_name(const Engine& engine) {
    return fmt::format("{}-{}", engine.id, engine.version);
}

const Engine& engine_named(std::string_view id, std::string_view version) {
    const auto all = engines();
    const auto found = std::ranges::find_if(all, [&](const Engine& engine) {
        return engine.id == id && (version.empty() || engine.version == version);
    });
    if (found != all.end()) return *found;
    std::string known;
    for (const auto& engine : all) {
        known += fmt::format("{}{}", known.empty() ? "" : ", ", full_name(engine));
    }
    throw InputError("/engine", fmt::format("\"{}{}{}\" is not one of: {}", id,
                                            version.empty() ? "" : "-", version, known));
}

}  // namespace headroom
