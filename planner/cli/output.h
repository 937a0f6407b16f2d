#pragma once

#include <string>
#include <string_view>

#include "planner/base/json.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {

/// A variable of the environment; empty when it is not set.
std::string environment(const char* name);

/// Colours on a terminal, unless NO_COLOR, TERM=dumb or --no-color say otherwise.
Style output_style(const CommonOptions& common);

/// Standard error is a terminal that can move its cursor.
bool shows_progress(const CommonOptions& common);

/// A name from a file, for a terminal: control characters as \x1b.
std::string printable(std::string_view text);

void write_error(std::string_view text);

/// Puts an answer where it was asked for; the exit code of the program.
Exit write_answer(const Answer& answer, const Options& options);

/// The document as it is written: two blanks a level, keys sorted, a newline at its end.
std::string json_text(const Json& document);

}  // namespace headroom::cli
