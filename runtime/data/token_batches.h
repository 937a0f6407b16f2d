#pragma once

#include <cstdint>
#include <span>

#include "runtime/data/token_source.h"

namespace headroom {

/// What a micro-batch is made of.
struct BatchSpec {
    std::int64_t batch = 1;  ///< sequences of a micro-batch on one rank
    std::int64_t sequence = 1;
    std::int64_t micro_steps = 1;
    std::int64_t rank = 0;  ///< of the ranks that read different sequences
    std::int64_t ranks = 1;
    std::int64_t vocabulary = 1;  ///< the model's
    /// Row of a learned position table that a sequence's first token reads (opt skips two).
    std::int64_t first_position = 0;
    std::uint64_t seed = 0;
};

/// Micro-batches of a source: windows of `sequence` tokens and their successors, in an order
/// shuffled anew in every pass over the source. A batch follows from (seed, step, micro-step)
/// alone, so a run that resumes needs to know nothing but its step.
class TokenBatches {
public:
    /// Throws InputError when the source holds no whole window. Keeps a reference to `source`.
    TokenBatches(const TokenSource& source, const BatchSpec& spec);

    /// (batch * sequence) ids each; targets are the tokens that follow. Throws InputError for an id
    /// that the vocabulary does not hold: file, position, id, vocabulary.
    void fill(std::int64_t step, std::int64_t micro_step, std::span<std::int32_t> tokens,
              std::span<std::int32_t> targets) const;
    [[nodiscard]] const BatchSpec& spec() const { return spec_; }
    /// Windows of one pass.
    [[nodiscard]] std::int64_t windows() const { return windows_; }
    /// Passes over the source that `steps` steps make.
    [[nodiscard]] double passes(std::int64_t steps) const;

private:
    void fill_window(std::int64_t window, std::span<std::int32_t> tokens,
                     std::span<std::int32_t> targets) const;
    void check(std::int64_t first, std::span<const std::int32_t> ids) const;

    const TokenSource* source_;
    BatchSpec spec_;
    std::int64_t windows_ = 0;
};

/// Where `index` of `count` goes in the order that `key` stands for: each place once.
std::int64_t shuffled(std::int64_t index, std::int64_t count, std::uint64_t key);

}  // namespace headroom
