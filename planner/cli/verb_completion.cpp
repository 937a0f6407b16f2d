#include <CLI/CLI.hpp>

#include "planner/cli/completion.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {

void declare_completion(CLI::App& app, Options& options) {
    app.add_option("shell", options.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

Answer answer_completion(const Options& options, const Style& /*style*/) {
    const auto words = program_words();
    const auto script = options.shell == "bash"  ? bash_completion(words)
                        : options.shell == "zsh" ? zsh_completion(words)
                                                 : fish_completion(words);
    return {.text = script,
            .brief = script,
            .document = {{"format", 1}, {"shell", options.shell}, {"script", script}},
            .saved = script};
}

}  // namespace headroom::cli
