#pragma once

#include <string>

namespace headroom::cli {

/// The settings that --pin holds, a line each with its values.
std::string settings_help();

}  // namespace headroom::cli
