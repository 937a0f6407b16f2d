#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "planner/cost/topology.h"
#include "planner/search/choice.h"

namespace headroom {

/// Elements and bytes of a group of state units.
struct UnitSize {
    double trainable = 0.0;      ///< elements
    double weight_bytes = 0.0;   ///< of trainable and frozen ones
    double state_bytes = 0.0;    ///< master and optimizer states of the trainable ones
    double teacher_bytes = 0.0;  ///< weights of a teacher, whose layers come and go one at a time
};

/// A micro-step: what a layer and what the rest add to its time and memory.
struct MicroProfile {
    double layer_seconds = 0.0;
    double layer_backward = 0.0;
    double outer_seconds = 0.0;
    double layer_kept = 0.0;  ///< bytes
    double outer_kept = 0.0;
    double excess = 0.0;  ///< peak above what persists and what is kept
    /// Recomputation over several layers: what each layer of the segment in work holds again.
    double rebuilt = 0.0;
};

/// One graph key, read off two short graphs each at two micro-batch sizes, so that a stage of any
/// depth and batch is arithmetic: activations grow by the same bytes with each sequence, and times
/// nearly so (a product of t tiles takes the time of t plus half a wave).
struct KeyProfile {
    bool usable = false;
    MicroProfile one{};               ///< at a micro-batch of 1
    MicroProfile more{};              ///< what each further sequence adds
    std::array<UnitSize, 4> layer{};  ///< by UnitKind, a layer
    std::array<UnitSize, 4> outer{};
};

MicroProfile at(const KeyProfile& key, std::int32_t micro_batch);
KeyProfile key_profile(const SearchRequest& request, const Choice& any_of_key);
/// The profile of recomputation over segments of layers, from those of none and of every layer: it
/// keeps a layer's input once a segment, takes the same time, and rebuilds a segment at once.
KeyProfile segmented(const KeyProfile& none, const KeyProfile& layer);
/// Whether an option recomputes over segments of several layers.
bool is_segmented(const RecomputeSpec& spec);

/// Memory and time of a choice by arithmetic on its key's profile. `bytes` is of the worst rank.
/// It ranks; the best are then predicted from their own graphs.
struct Score {
    double bytes = 0.0;
    double host = 0.0;  ///< of a rank
    double nvme = 0.0;
    double step = 0.0;  ///< seconds
};

class Ranker {
public:
    explicit Ranker(const SearchRequest& request);

    /// Bytes that weights, gradients and states take at least on the fullest rank: a bound that
    /// needs no graph.
    [[nodiscard]] double least_bytes(const Choice& choice) const;
    [[nodiscard]] Score score(const Choice& choice, const KeyProfile& key) const;

private:
    struct States;
    [[nodiscard]] States states(const Choice& choice, const KeyProfile& key) const;
    [[nodiscard]] double step_seconds(const Choice& choice, const MicroProfile& micro,
                                      const States& states, double layers) const;
    /// One collective of a kind over all units of a stage, each over the ranks that share it.
    [[nodiscard]] double shard_seconds(const Choice& choice, CollectiveKind kind,
                                       const std::array<double, 4>& bytes) const;
    [[nodiscard]] double update_seconds(const Choice& choice, const States& states) const;
    [[nodiscard]] double segment_of(const Choice& choice, double layers) const;
    [[nodiscard]] double outside_bytes(const Choice& choice) const;
    [[nodiscard]] static bool gradients_leave(const Choice& choice);
    [[nodiscard]] double sync_seconds(const Choice& choice, CollectiveKind kind, Axis axis,
                                      std::int64_t ranks, double bytes) const;

    const SearchRequest& request_;
    double gradient_bytes_ = 2.0;
    double parameters_ = 0.0;
    double expert_parameters_ = 0.0;
    double teacher_ = 0.0;  ///< bytes of its parameters but those of experts, at least
    double trainable_state_ = 12.0;
    double weight_ = 2.0;
    double memory_rate_ = 1.0;
    double pcie_rate_ = 1.0;
    double host_rate_ = 1.0;
    double nvme_rate_ = 1.0;
};

}  // namespace headroom
