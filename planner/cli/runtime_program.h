#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace headroom::cli {

/// The running program's own file.
std::filesystem::path program_file();

/// `headroom-run` beside this program or on PATH; empty when there is none.
std::filesystem::path runtime_file();

/// `headroom run ARGS`: becomes `headroom-run ARGS`; returns only when there is none.
int run_runtime(const std::vector<std::string>& words);

}  // namespace headroom::cli
