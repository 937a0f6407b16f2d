#include <CLI/CLI.hpp>

#include <set>
#include <sstream>
#include <utility>

#include "planner/cli/completion.h"
#include "planner/cli/program.h"
#include "planner/cli/verbs.h"
#include "planner/engine/engine.h"
#include "planner/spec/knob.h"

namespace headroom::cli {
namespace {

constexpr const char* kGpus = "headroom hardware list -q";
constexpr const char* kNodes = "headroom hardware nodes -q";
constexpr const char* kModels = "headroom model -q";

std::vector<std::string> pins() {
    std::vector<std::string> out;
    for (const auto& knob : knobs()) out.push_back(std::string(knob.name) + "=");
    return out;
}

/// Of a framework's newest version, and of each version.
std::vector<std::string> engine_names() {
    std::set<std::string> names{PlanRequest{}.engine};
    for (const auto& engine : engines()) {
        names.emplace(engine.id);
        names.insert(full_name(engine));
    }
    return {names.begin(), names.end()};
}

/// The list in a type as help shows it, "TEXT:{time,cost}": CLI11 tells its validators' lists in no
/// other way.
std::vector<std::string> listed_words(const std::string& type) {
    std::vector<std::string> out;
    const auto open = type.find('{');
    if (open == std::string::npos) return out;
    std::istringstream list(type.substr(open + 1, type.find('}') - open - 1));
    for (std::string word; std::getline(list, word, ',');) out.push_back(word);
    return out;
}

/// What the value of an option or argument may be where its type does not tell.
void add_values(OptionWords& words, const std::string& name) {
    const std::vector<std::pair<std::string, const char*>> commands{{"--gpu", kGpus},
                                                                    {"--node", kNodes},
                                                                    {"model", kModels},
                                                                    {"--teacher", kModels},
                                                                    {"name", kGpus}};
    for (const auto& [key, command] : commands) {
        if (name == key) words.command = command;
    }
    if (name == "--pin") words.values = pins();
    if (name == "--engine") {
        words.values = engine_names();
        words.files = false;
    }
}

/// Types as help shows them: a GPU or model may be given as a path as well.
bool names_file(const std::string& type) {
    return type.ends_with("FILE") || type.ends_with(".json") || type == "PATH" || type == "DIR" ||
           type == "NAME" || type == "MODEL";
}

OptionWords option_words(const CLI::Option& option) {
    OptionWords out{.help = option.get_description(),
                    .takes_value = option.get_items_expected() > 0};
    for (const auto& each : option.get_snames()) out.names.push_back("-" + each);
    for (const auto& each : option.get_lnames()) out.names.push_back("--" + each);
    const auto type = option.get_type_name();
    out.files = names_file(type);
    out.values = listed_words(type);
    add_values(out, out.names.empty() ? option.get_name() : out.names.back());
    return out;
}

VerbWords verb_words(CLI::App& app) {
    VerbWords out{.name = app.get_name(), .help = app.get_description()};
    for (const auto* option : app.get_options()) {
        auto words = option_words(*option);
        if (!words.names.empty()) {
            out.options.push_back(std::move(words));
            continue;
        }
        // Two arguments of one verb are of one kind, or the first is a short list of words.
        out.argument.values.insert(out.argument.values.end(), words.values.begin(),
                                   words.values.end());
        if (!words.command.empty()) out.argument.command = words.command;
        out.argument.files = out.argument.files || words.files;
    }
    return out;
}

}  // namespace

std::vector<VerbWords> program_words() {
    CLI::App app("", "headroom");
    Options options;
    declare_program(app, options);
    std::vector<VerbWords> out;
    for (auto* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (!verb->get_group().empty()) out.push_back(verb_words(*verb));
    }
    return out;
}

}  // namespace headroom::cli
