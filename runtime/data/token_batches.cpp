#include "runtime/data/token_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "planner/base/error.h"
#include "planner/base/units.h"
#include "runtime/data/mixing.h"

namespace headroom {

std::int64_t shuffled(std::int64_t index, std::int64_t count, std::uint64_t key) {
    // A Feistel network permutes numbers of 2 * half bits; walking its cycle until a number is
    // below `count` permutes those. At least a quarter of the numbers are below, so the walk is
    // short.
    const auto width = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(count - 1)));
    const int half = std::max(1, (width + 1) / 2);
    const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
    auto value = static_cast<std::uint64_t>(index);
    do {
        std::uint64_t left = value >> half;
        std::uint64_t right = value & mask;
        for (std::uint64_t round = 0; round < 4; ++round) {
            const std::uint64_t next = left ^ (mix(key + round, right) & mask);
            left = right;
            right = next;
        }
        value = (left << half) | right;
    } while (value >= static_cast<std::uint64_t>(count));
    return static_cast<std::int64_t>(value);
}

TokenBatches::TokenBatches(const TokenSource& source, const BatchSpec& spec)
    : source_(&source), spec_(spec), windows_((source.size() - 1) / spec.sequence) {
    if (source.size() < spec.sequence + 1) {
        throw InputError(source.name(),
                         fmt::format("holds {} tokens, a sequence of {} and the token after it "
                                     "need {}",
                                     with_thousands(source.size()), with_thousands(spec.sequence),
                                     with_thousands(spec.sequence + 1)));
    }
}

double TokenBatches::passes(std::int64_t steps) const {
    return static_cast<double>(steps * spec_.micro_steps * spec_.ranks * spec_.batch) /
           static_cast<double>(windows_);
}

void TokenBatches::fill(std::int64_t step, std::int64_t micro_step, std::span<std::int32_t> tokens,
                        std::span<std::int32_t> targets) const {
    const auto length = static_cast<std::size_t>(spec_.sequence);
    const std::int64_t turn = (step * spec_.micro_steps + micro_step) * spec_.ranks + spec_.rank;
    for (std::int64_t i = 0; i < spec_.batch; ++i) {
        const std::int64_t sample = turn * spec_.batch + i;
        const auto pass = static_cast<std::uint64_t>(sample / windows_);
        const std::int64_t window = shuffled(sample % windows_, windows_, mix(spec_.seed, pass));
        const auto at = static_cast<std::size_t>(i) * length;
        fill_window(window, tokens.subspan(at, length), targets.subspan(at, length));
    }
}

void TokenBatches::fill_window(std::int64_t window, std::span<std::int32_t> tokens,
                               std::span<std::int32_t> targets) const {
    const std::int64_t first = window * spec_.sequence;
    source_->read(first, tokens);
    std::copy(tokens.begin() + 1, tokens.end(), targets.begin());
    source_->read(first + spec_.sequence, targets.last(1));
    check(first, tokens);
    check(first + spec_.sequence, targets.last(1));
}

void TokenBatches::check(std::int64_t first, std::span<const std::int32_t> ids) const {
    const auto bad = std::ranges::find_if(
        ids, [&](std::int32_t id) { return id < 0 || id >= spec_.vocabulary; });
    if (bad == ids.end()) return;
    throw InputError(source_->name(),
                     fmt::format("token {} is {}, the model's vocabulary holds {} ids",
                                 with_thousands(first + (bad - ids.begin())),
                                 static_cast<std::uint32_t>(*bad), spec_.vocabulary));
}

}  // namespace headroom
