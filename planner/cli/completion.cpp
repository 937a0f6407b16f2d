#include "planner/cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace headroom::cli {
namespace {

/// For single quotes of every shell: "What a model's" -> "What a model'\''s".
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out;
}

/// zsh ends a description at a bracket and an argument at a colon.
std::string zsh_escaped(const std::string& text) {
    std::string out;
    for (const char c : escaped(text)) {
        if (c == '[' || c == ']' || c == ':') out += '\\';
        out += c;
    }
    return out;
}

std::vector<std::string> names_of(const std::vector<VerbWords>& verbs) {
    std::vector<std::string> out;
    for (const auto& verb : verbs) out.push_back(verb.name);
    return out;
}

std::vector<std::string> all_options(const VerbWords& verb) {
    std::vector<std::string> out;
    for (const auto& option : verb.options) {
        out.insert(out.end(), option.names.begin(), option.names.end());
    }
    return out;
}

/// The words of a value for `compgen -W`.
std::string bash_values(const OptionWords& words) {
    auto out = fmt::format("{}", fmt::join(words.values, " "));
    if (!words.command.empty()) {
        out += fmt::format("{}$({} 2>/dev/null)", out.empty() ? "" : " ", words.command);
    }
    return out;
}

std::string bash_reply(const OptionWords& words) {
    const auto values = bash_values(words);
    const auto list = values.empty() ? "" : fmt::format(" -W \"{}\"", values);
    if (list.empty() && !words.files) return ":";
    return fmt::format("mapfile -t COMPREPLY < <(compgen{}{} -- \"$current\")", list,
                       words.files ? " -f" : "");
}

/// The options of all verbs that take a value, each once.
std::vector<OptionWords> value_options(const std::vector<VerbWords>& verbs) {
    std::vector<OptionWords> out;
    for (const auto& verb : verbs) {
        for (const auto& option : verb.options) {
            const bool known = std::ranges::any_of(
                out, [&](const OptionWords& each) { return each.names == option.names; });
            if (option.takes_value && !known) out.push_back(option);
        }
    }
    return out;
}

std::string zsh_action(const OptionWords& words) {
    const auto list = fmt::format("{}", fmt::join(words.values, " "));
    if (!words.command.empty()) {
        return fmt::format("{{compadd -- {} ${{(f)\"$({} 2>/dev/null)\"}}; _files}}", list,
                           words.command);
    }
    if (!list.empty()) return fmt::format("({})", list);
    return words.files ? "_files" : " ";
}

std::string zsh_option(const OptionWords& option) {
    const auto names = option.names.size() == 1
                           ? option.names.front()
                           : fmt::format("{{{}}}", fmt::join(option.names, ","));
    const auto value = option.takes_value ? ":value:" + zsh_action(option) : std::string();
    return fmt::format("                '*'{}'[{}]{}' \\\n", names, zsh_escaped(option.help),
                       value);
}

std::string fish_values(const OptionWords& words) {
    auto out = fmt::format("{}", fmt::join(words.values, " "));
    if (!words.command.empty()) {
        out += fmt::format("{}({} 2>/dev/null)", out.empty() ? "" : " ", words.command);
    }
    return out;
}

std::string fish_option(const std::string& verb, const OptionWords& option) {
    auto out = fmt::format("complete -c headroom -n '__fish_seen_subcommand_from {}'", verb);
    for (const auto& name : option.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (option.takes_value) out += option.files ? " -r" : " -x";
    const auto values = fish_values(option);
    if (!values.empty()) out += fmt::format(" -a '{}'", values);
    return fmt::format("{} -d '{}'\n", out, escaped(option.help));
}

}  // namespace

std::string bash_completion(const std::vector<VerbWords>& verbs) {
    std::string out =
        "# Completion of headroom for bash; written by `headroom completion bash`.\n"
        "_headroom() {\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    COMPREPLY=()\n"
        "    if ((COMP_CWORD == 1)); then\n";
    out += fmt::format(
        "        mapfile -t COMPREPLY < <(compgen -W \"{} --help --version\" -- \"$current\")\n"
        "        return\n    fi\n    case $before in\n",
        fmt::join(names_of(verbs), " "));
    for (const auto& option : value_options(verbs)) {
        out += fmt::format("        {})\n            {}\n            return\n            ;;\n",
                           fmt::join(option.names, " | "), bash_reply(option));
    }
    out += "    esac\n    case ${COMP_WORDS[1]} in\n";
    for (const auto& verb : verbs) {
        out += fmt::format(
            "        {})\n            if [[ $current == -* ]]; then\n"
            "                mapfile -t COMPREPLY < <(compgen -W \"{}\" -- \"$current\")\n"
            "            else\n                {}\n            fi\n            ;;\n",
            verb.name, fmt::join(all_options(verb), " "), bash_reply(verb.argument));
    }
    return out + "    esac\n}\ncomplete -o filenames -F _headroom headroom\n";
}

std::string zsh_completion(const std::vector<VerbWords>& verbs) {
    std::string out =
        "#compdef headroom\n"
        "# Completion of headroom for zsh; written by `headroom completion zsh`.\n"
        "_headroom() {\n    if ((CURRENT == 2)); then\n        local -a verbs=(\n";
    for (const auto& verb : verbs) {
        out += fmt::format("            '{}:{}'\n", verb.name, zsh_escaped(verb.help));
    }
    out +=
        "        )\n        _describe verb verbs\n        return\n    fi\n"
        "    local verb=$words[2]\n    shift words\n    ((CURRENT--))\n    case $verb in\n";
    for (const auto& verb : verbs) {
        out += fmt::format("        {})\n            _arguments \\\n", verb.name);
        for (const auto& option : verb.options) out += zsh_option(option);
        out += fmt::format("                '*:argument:{}'\n            ;;\n",
                           zsh_action(verb.argument));
    }
    return out + "    esac\n}\n_headroom \"$@\"\n";
}

std::string fish_completion(const std::vector<VerbWords>& verbs) {
    std::string out = "# Completion of headroom for fish; written by `headroom completion fish`.\n";
    for (const auto& verb : verbs) {
        out += fmt::format("complete -c headroom -f -n '__fish_use_subcommand' -a '{}' -d '{}'\n",
                           verb.name, escaped(verb.help));
    }
    for (const auto& verb : verbs) {
        for (const auto& option : verb.options) out += fish_option(verb.name, option);
        const auto values = fish_values(verb.argument);
        if (values.empty()) continue;
        out += fmt::format("complete -c headroom -n '__fish_seen_subcommand_from {}' -a '{}'\n",
                           verb.name, values);
    }
    return out;
}

}  // namespace headroom::cli
