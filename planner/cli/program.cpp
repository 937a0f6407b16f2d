#include "planner/cli/program.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "planner/base/error.h"
#include "planner/cli/option_checks.h"
#include "planner/cli/output.h"
#include "planner/cli/runtime_program.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {
namespace {

constexpr const char* kDescription =
    "Plans the memory and the cost of training language models.\n\n"
    "  headroom plan meta-llama/Llama-3.1-8B --gpu h100 --gpus 8 --goal finetune -o plan.json\n"
    "  headroom explain plan.json\n"
    "  headroom VERB --help\n";

int code(Exit exit) { return static_cast<int>(exit); }

int complain(const std::string& sentence, Exit exit) {
    write_error(fmt::format("headroom: {}\n", printable(sentence)));
    return code(exit);
}

void declare_common(CLI::App& app, CommonOptions& common) {
    auto* json =
        app.add_flag("--json", common.json, "JSON on standard output: versioned, keys sorted");
    if (auto* markdown = app.get_option_no_throw("--markdown")) json->excludes(markdown);
    app.add_flag("-q,--quiet", common.quiet, "only the answer itself, no notes, no progress");
    app.add_flag("--no-color", common.plain, "no colours (as with NO_COLOR set)");
    app.add_option("-o,--output", common.output, "write the JSON document to FILE (- for stdout)")
        ->check(not_empty())
        ->type_name("FILE");
    app.add_option("--profiles", common.profiles, "folder of profiles (HEADROOM_PROFILES)")
        ->check(not_empty())
        ->type_name("DIR");
    app.add_option("--hardware-file", common.hardware_files,
                   "profile or folder of profiles that adds to the known ones; repeatable")
        ->check(not_empty())
        ->type_name("PATH")
        ->allow_extra_args(false);
}

const Verb* find_verb(std::string_view name) {
    for (const auto& verb : verbs()) {
        if (verb.name == name) return &verb;
    }
    return nullptr;
}

/// CLI11 calls a mistyped verb an unexpected argument; a person wants the nearest one.
std::string unknown_verb(const std::string& name) {
    std::vector<std::string> names;
    for (const auto& verb : verbs()) names.emplace_back(verb.name);
    return fmt::format("there is no verb \"{}\"; did you mean \"{}\"?", name,
                       nearest(name, names, 1).front());
}

int usage_failure(const CLI::App& app, const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    const std::string verb = chosen.empty() ? "" : chosen.front()->get_name() + " ";
    return complain(fmt::format("{}; see headroom {}--help", error.what(), verb), Exit::usage);
}

/// The words of headroom-run that measure this machine.
std::vector<std::string> detect_words(const CommonOptions& common) {
    std::vector<std::string> out{"--detect"};
    for (const auto& [word, is_said] : {std::pair{"--json", common.json},
                                        {"--quiet", common.quiet},
                                        {"--no-color", common.plain}}) {
        if (is_said) out.emplace_back(word);
    }
    const auto add = [&](const char* word, const std::string& value) {
        if (!value.empty()) out.insert(out.end(), {word, value});
    };
    add("--output", common.output);
    add("--profiles", common.profiles);
    for (const auto& file : common.hardware_files) add("--hardware-file", file);
    return out;
}

int answer(const Verb& verb, const Options& options) {
    try {
        if (detects(options)) return run_runtime(detect_words(options.common));
        return code(write_answer(verb.answer(options, output_style(options.common)), options));
    } catch (const UsageError& error) {
        return complain(fmt::format("{}; see headroom {} --help", error.what(), verb.name),
                        Exit::usage);
    } catch (const InputError& error) {
        return complain(error.what(), Exit::bad_input);
    } catch (const Interrupted&) {
        return code(Exit::interrupted);
    } catch (const std::exception& error) {
        return complain(fmt::format("internal error: {}", error.what()), Exit::internal);
    }
}

int parse_and_answer(int argc, char** argv) {
    CLI::App app(kDescription, "headroom");
    Options options;
    declare_program(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // Help and version arrive here as well, as successes.
        if (error.get_exit_code() != 0) return usage_failure(app, error);
        return app.exit(error);
    }
    return answer(*find_verb(app.get_subcommands().front()->get_name()), options);
}

}  // namespace

void declare_program(CLI::App& app, Options& options) {
    app.set_version_flag("--version", std::string("headroom ") + HEADROOM_VERSION);
    app.require_subcommand(1);
    for (const auto& verb : verbs()) {
        auto* sub = app.add_subcommand(std::string(verb.name), std::string(verb.help));
        if (verb.visibility == Visibility::hidden) sub->group("");
        verb.declare(*sub, options);
        declare_common(*sub, options.common);
    }
}

int run_program(int argc, char** argv) {
    // A reader that goes away (`headroom hardware | head`) is noticed when writing.
    std::signal(SIGPIPE, SIG_IGN);
    const std::vector<std::string> words(argv, argv + argc);
    if (words.size() < 2) {
        write_error("headroom: a verb is needed; see headroom --help\n");
        return code(Exit::usage);
    }
    if (words[1] == "run") return run_runtime({words.begin() + 2, words.end()});
    if (!words[1].starts_with('-') && find_verb(words[1]) == nullptr) {
        return complain(unknown_verb(words[1]), Exit::usage);
    }
    return parse_and_answer(argc, argv);
}

}  // namespace headroom::cli
