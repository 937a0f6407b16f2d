#pragma once

#include "planner/score/score.h"

namespace headroom {

/// The page docs/accuracy.md: what the errors are, where predictions are weak, and why.
std::string score_page(const Score& score);

/// Kinds of figure that a plot shows.
enum class Plotted : std::uint8_t { memory, time };

/// Predicted against measured, both axes logarithmic, the line of equality and a tenth around it;
/// one colour a framework. An SVG document.
std::string score_plot(const Score& score, Plotted what);

}  // namespace headroom
