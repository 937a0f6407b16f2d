#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "planner/step/op/attention.h"

namespace headroom::test {

/// Attention by its definition, in doubles: one score, mask and sum after the other.
struct AttentionReference {
    AttentionShape shape{};
    std::int64_t heads = 1;
    std::int64_t kv_heads = 1;
    std::int64_t queries = 1;     ///< of a sequence
    std::int64_t keys = 1;        ///< of a sequence
    std::vector<double> bias{};   ///< (buckets, heads) or none
    std::vector<double> sinks{};  ///< (heads) or none

    /// Of query i: the rank with the first and the last of the blocks that a sequence is cut in.
    [[nodiscard]] std::int64_t position(std::int64_t i) const {
        const bool part = shape.causal && queries < keys;
        return part && i >= queries / 2 ? keys - queries + i : i;
    }
    [[nodiscard]] bool attends(std::int64_t query, std::int64_t key) const {
        const std::int64_t distance = query - key;
        if (shape.causal && distance < 0) return false;
        return shape.window == 0 || std::abs(distance) < shape.window;
    }
    [[nodiscard]] std::int64_t bucket(std::int64_t offset) const {
        auto buckets = static_cast<std::int64_t>(bias.size()) / heads;
        std::int64_t base = 0;
        if (!shape.causal) {
            buckets /= 2;
            if (offset > 0) base = buckets;
            offset = -std::abs(offset);
        }
        const std::int64_t distance = std::max<std::int64_t>(0, -offset);
        const std::int64_t exact = buckets / 2;
        if (distance < exact) return base + distance;
        const double octaves =
            std::log2(static_cast<double>(distance) / static_cast<double>(exact)) /
            std::log2(128.0 / static_cast<double>(exact));
        const auto more = static_cast<std::int64_t>(
            std::floor(octaves * static_cast<double>(buckets - exact) + 1e-7));
        return base + std::min(buckets - 1, exact + more);
    }
    /// For heads that are a power of two.
    [[nodiscard]] double slope(std::int64_t head) const {
        return std::pow(2.0, -8.0 * static_cast<double>(head + 1) / static_cast<double>(heads));
    }

    [[nodiscard]] double score(const std::vector<double>& q, const std::vector<double>& k,
                               std::int64_t batch, std::int64_t head, std::int64_t i,
                               std::int64_t j) const {
        const std::int64_t dims = shape.head_dim;
        const std::int64_t kv_head = head * kv_heads / heads;
        double dot = 0.0;
        for (std::int64_t d = 0; d < dims; ++d) {
            dot +=
                q[static_cast<std::size_t>(((batch * queries + i) * heads + head) * dims + d)] *
                k[static_cast<std::size_t>(((batch * keys + j) * kv_heads + kv_head) * dims + d)];
        }
        dot *= shape.scale != 0.0 ? shape.scale : std::pow(static_cast<double>(dims), -0.5);
        if (shape.softcap > 0.0) dot = shape.softcap * std::tanh(dot / shape.softcap);
        const std::int64_t offset = j - position(i);
        if (shape.alibi) dot -= slope(head) * static_cast<double>(std::abs(offset));
        if (!bias.empty()) {
            dot += bias[static_cast<std::size_t>(bucket(offset) * heads + head)];
        }
        return dot;
    }

    struct Result {
        std::vector<double> out{};
        std::vector<double> lse{};
    };
    [[nodiscard]] Result attend(const std::vector<double>& q, const std::vector<double>& k,
                                const std::vector<double>& v) const {
        Result result;
        const std::int64_t dims = shape.value_dim;
        result.out.resize(static_cast<std::size_t>(shape.batch * queries * heads * dims));
        for (std::int64_t n = 0; n < shape.batch * queries; ++n) {
            for (std::int64_t head = 0; head < heads; ++head) {
                const std::int64_t batch = n / queries;
                const std::int64_t kv_head = head * kv_heads / heads;
                double sum = sinks.empty() ? 0.0 : std::exp(sinks[static_cast<std::size_t>(head)]);
                double* out = result.out.data() + (n * heads + head) * dims;
                for (std::int64_t j = 0; j < keys; ++j) {
                    if (!attends(position(n % queries), j)) continue;
                    const double weight = std::exp(score(q, k, batch, head, n % queries, j));
                    sum += weight;
                    for (std::int64_t d = 0; d < dims; ++d) {
                        out[d] +=
                            weight * v[static_cast<std::size_t>(
                                         ((batch * keys + j) * kv_heads + kv_head) * dims + d)];
                    }
                }
                for (std::int64_t d = 0; d < dims; ++d) out[d] /= sum;
                result.lse.push_back(std::log(sum));
            }
        }
        return result;
    }
};

}  // namespace headroom::test
