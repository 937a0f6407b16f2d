#pragma once

#include <cstdint>

/// Bounds on what a model description may say: far above any real model, and low enough that every
/// later product of them stays inside 64 bits.
namespace headroom::limits {

inline constexpr std::int64_t kLayers = 4096;
inline constexpr std::int64_t kHidden = std::int64_t{1} << 20;
inline constexpr std::int64_t kVocab = std::int64_t{1} << 24;
inline constexpr std::int64_t kHeads = 65536;
inline constexpr std::int64_t kHeadDim = 65536;
inline constexpr std::int64_t kExperts = 65536;
inline constexpr std::int64_t kWidth = std::int64_t{1} << 24;
inline constexpr std::int64_t kPositions = std::int64_t{1} << 30;
/// 2^49: times 18 bytes of training state a parameter, this is still under 2^54.
inline constexpr std::int64_t kParameters = std::int64_t{1} << 49;
inline constexpr double kScale = 1e6;
inline constexpr double kTheta = 1e12;

}  // namespace headroom::limits
