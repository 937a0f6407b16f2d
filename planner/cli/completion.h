#pragma once

#include <string>
#include <vector>

#include "planner/spec/names.h"

namespace headroom::cli {

/// What an option takes whose value is an enum.
template <Worded Enum>
std::vector<std::string> words_of() {
    return {kNames<Enum>.begin(), kNames<Enum>.end()};
}

/// An option of a verb, as a shell completes it.
struct OptionWords {
    std::vector<std::string> names{};  ///< "-o", "--output"
    std::string help{};
    bool takes_value = false;
    std::vector<std::string> values{};  ///< those it accepts, when they are a list
    std::string command{};              ///< prints the values, one a line
    bool files = false;                 ///< a path can stand there as well
};

/// A verb with its options and what its arguments may be.
struct VerbWords {
    std::string name{};
    std::string help{};
    std::vector<OptionWords> options{};
    OptionWords argument{};
};

/// The visible verbs of the program, from its own declarations.
std::vector<VerbWords> program_words();

std::string bash_completion(const std::vector<VerbWords>& verbs);
std::string zsh_completion(const std::vector<VerbWords>& verbs);
std::string fish_completion(const std::vector<VerbWords>& verbs);

}  // namespace headroom::cli
