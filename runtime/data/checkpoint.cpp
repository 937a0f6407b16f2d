#include "runtime/data/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "runtime/data/convert.h"
#include "runtime/data/mixing.h"
#include "runtime/data/safetensors_writer.h"

namespace headroom {
namespace {

constexpr std::int64_t kFormat = 2;
constexpr std::string_view kStateKey = "headroom-checkpoint";
constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

Json to_json(const CheckpointState& state) {
    return {{"format", kFormat},
            {"step", state.step},
            {"updates", state.updates},
            {"seed", fmt::format("{}", state.seed)},  // 64 bits, more than a JSON number is sure of
            {"loss_scale", state.loss_scale},
            {"steps_since_overflow", state.steps_since_overflow},
            {"digest", state.digest},
            {"tokens", state.tokens},
            {"frozen", state.frozen}};
}

std::uint64_t seed_from(const JsonCursor& seed) {
    const std::string& text = seed.string();
    if (text.empty() || text.size() > 20 || text.find_first_not_of("0123456789") != text.npos) {
        seed.fail(fmt::format("is {}, must be a number", quoted(seed.value())));
    }
    std::uint64_t value = 0;
    for (const char digit : text) value = value * 10 + static_cast<std::uint64_t>(digit - '0');
    return value;
}

CheckpointState state_from(const JsonCursor& json) {
    const auto format = json.at("format");
    if (format.integer(1, kMost) != kFormat) {
        format.fail(fmt::format("is {}, this version reads {}", quoted(format.value()), kFormat));
    }
    return {.step = json.at("step").integer(0, kMost),
            .updates = json.at("updates").integer(0, kMost),
            .seed = seed_from(json.at("seed")),
            .loss_scale = json.at("loss_scale").number(0.0, std::numeric_limits<double>::max()),
            .steps_since_overflow = json.at("steps_since_overflow").integer(0, kMost),
            .digest = json.at("digest").string(),
            .tokens = json.at("tokens").string(),
            .frozen = json.at("frozen").string()};
}

/// Shape and dtype as a file has them; packed 4-bit codes are a row of bytes.
std::vector<std::int64_t> extents_of(const TensorSpec& spec) {
    if (bits(spec.dtype) < 8) return {bytes(spec).count()};
    const auto extents = spec.shape.extents();
    return {extents.begin(), extents.end()};
}

std::string text_of(std::string_view dtype, const std::vector<std::int64_t>& shape) {
    return fmt::format("{} ({})", dtype, fmt::join(shape, ", "));
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const CheckpointState& state,
                     const std::vector<CheckpointTensor>& tensors,
                     const CheckpointBytes& bytes_of) {
    std::vector<TensorEntry> entries;
    for (const auto& tensor : tensors) {
        const auto extents = tensor.spec.shape.extents();
        entries.push_back({tensor.name, tensor.spec.dtype, {extents.begin(), extents.end()}});
    }
    SafetensorsWriter writer(path, entries,
                             {{"format", "pt"}, {std::string(kStateKey), to_json(state).dump()}});
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const auto found = bytes_of(i);
        const auto expected = static_cast<std::size_t>(bytes(tensors[i].spec).count());
        if (found.size() != expected) {
            throw InternalError(fmt::format("{} holds {} bytes, its shape needs {}",
                                            tensors[i].name, found.size(), expected));
        }
        writer.write(found);
    }
    writer.finish();
}

void Fingerprint::add(std::span<const std::byte> bytes) {
    // A tensor that ends within a block is filled up with zeros; its length tells it from one that
    // ends in them.
    constexpr std::size_t kBlock = kLanes * sizeof(std::uint64_t);
    for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
        std::array<std::uint64_t, kLanes> words{};
        std::memcpy(words.data(), bytes.data() + at, std::min(kBlock, bytes.size() - at));
        for (std::size_t i = 0; i < kLanes; ++i) lanes_[i] = mix(lanes_[i], words[i]);
    }
    lanes_[0] = mix(lanes_[0], bytes.size());
}

std::string Fingerprint::text() const {
    std::uint64_t all = 0;
    for (const auto lane : lanes_) all = mix(all, lane);
    return fmt::format("{:016x}", all);
}

Checkpoint::Checkpoint(const std::filesystem::path& path) : file_(path) {
    const auto metadata = file_.metadata();
    const auto found = metadata.find(std::string(kStateKey));
    if (found == metadata.end()) {
        throw InputError(file_.name(), "is no checkpoint: its header tells of no state");
    }
    const auto source = fmt::format("{}/{}", file_.name(), kStateKey);
    const Json json = parse_json(found->second, source);
    state_ = state_from(JsonCursor(json, source));
}

void Checkpoint::expect_digest(const std::string& digest) const {
    if (state_.digest == digest) return;
    throw InputError(file_.name(), fmt::format("was written by the step {}, this plan's step is {}",
                                               state_.digest, digest));
}

void Checkpoint::expect_frozen(const std::string& fingerprint) const {
    if (state_.frozen == fingerprint) return;
    throw InputError(file_.name(),
                     fmt::format("holds what is trained alone, on frozen weights {}; here they are "
                                 "{}: --init and --seed must be those of its run",
                                 state_.frozen, fingerprint));
}

void Checkpoint::read(const std::string& name, const TensorSpec& spec,
                      std::span<std::byte> out) const {
    const StoredTensor* found = file_.find(name);
    if (found == nullptr) {
        throw InputError(file_.name(), fmt::format("lacks {}", quoted(Json(name))));
    }
    const auto expected = extents_of(spec);
    if (found->shape != expected || found->dtype != stored_name(spec.dtype)) {
        throw InputError(file_.name(),
                         fmt::format("{} is {}, this plan needs {}", quoted(Json(name)),
                                     text_of(found->dtype, found->shape),
                                     text_of(stored_name(spec.dtype), expected)));
    }
    const auto stored = file_.bytes(*found);
    if (stored.size() != out.size()) {
        throw InternalError(fmt::format("{}: {} bytes into {}", name, stored.size(), out.size()));
    }
    if (!stored.empty()) std::memcpy(out.data(), stored.data(), stored.size());
}

}  // namespace headroom
