#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "planner/cli/figures.h"
#include "planner/cli/options.h"

namespace CLI {
class App;
}

namespace headroom::cli {

/// What a verb says, in every form it can be asked for.
struct Answer {
    std::string text{};                  ///< for a person
    std::string brief{};                 ///< with -q
    Json document{};                     ///< with --json
    std::optional<std::string> saved{};  ///< with -o; the document unless set
    std::vector<std::string> notes{};    ///< for standard error
    Exit exit = Exit::done;
    bool saves = true;  ///< false: there is nothing for -o
};

/// A command line that asks for something that makes no sense.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Ctrl-C: nothing is written.
class Interrupted : public std::exception {};

enum class Visibility { shown, hidden };

/// One verb: its options, and what it does.
struct Verb {
    std::string_view name{};
    std::string_view help{};
    void (*declare)(CLI::App& app, Options& options) = nullptr;
    Answer (*answer)(const Options& options, const Style& style) = nullptr;
    Visibility visibility = Visibility::shown;
};

std::span<const Verb> verbs();

void declare_model(CLI::App& app, Options& options);
void declare_hardware(CLI::App& app, Options& options);
void declare_plan(CLI::App& app, Options& options);
void declare_predict(CLI::App& app, Options& options);
void declare_explain(CLI::App& app, Options& options);
void declare_run(CLI::App& app, Options& options);
void declare_calibrate(CLI::App& app, Options& options);
void declare_compare(CLI::App& app, Options& options);
void declare_schema(CLI::App& app, Options& options);
void declare_claims(CLI::App& app, Options& options);
void declare_score(CLI::App& app, Options& options);
void declare_doctor(CLI::App& app, Options& options);
void declare_completion(CLI::App& app, Options& options);

/// Whether `headroom hardware detect` was said, which headroom-run answers; throws UsageError.
bool detects(const Options& options);

Answer answer_model(const Options& options, const Style& style);
Answer answer_hardware(const Options& options, const Style& style);
Answer answer_plan(const Options& options, const Style& style);
Answer answer_predict(const Options& options, const Style& style);
Answer answer_explain(const Options& options, const Style& style);
Answer answer_run(const Options& options, const Style& style);
Answer answer_calibrate(const Options& options, const Style& style);
Answer answer_compare(const Options& options, const Style& style);
Answer answer_schema(const Options& options, const Style& style);
Answer answer_claims(const Options& options, const Style& style);
Answer answer_score(const Options& options, const Style& style);
Answer answer_doctor(const Options& options, const Style& style);
Answer answer_completion(const Options& options, const Style& style);

}  // namespace headroom::cli
