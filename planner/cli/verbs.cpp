#include "planner/cli/verbs.h"

#include <array>

namespace headroom::cli {
namespace {

constexpr std::array kVerbs{
    Verb{"model", "Count a model's parameters, part by part", declare_model, answer_model},
    Verb{"hardware", "List or show GPU profiles and where their numbers come from",
         declare_hardware, answer_hardware},
    Verb{"plan", "Recommend a configuration, with alternatives and reasons", declare_plan,
         answer_plan},
    Verb{"predict", "Memory and time of exactly one configuration", declare_predict,
         answer_predict},
    Verb{"explain", "Why the peak is where it is, and what each setting buys", declare_explain,
         answer_explain},
    Verb{"run", "Run a plan: measured memory, FLOPs and time beside the prediction", declare_run,
         answer_run},
    Verb{"compare", "Two plans, or a plan and its measurement, side by side", declare_compare,
         answer_compare},
    Verb{"calibrate", "Fold what a run measured into a hardware profile", declare_calibrate,
         answer_calibrate},
    Verb{"schema", "Print the JSON schema of a document", declare_schema, answer_schema},
    Verb{"claims", "Published claims beside what this version computes", declare_claims,
         answer_claims},
    Verb{"score", "Published measurements beside what this version predicts", declare_score,
         answer_score},
    Verb{"doctor", "What this installation has and lacks", declare_doctor, answer_doctor},
    Verb{"completion", "Print a completion script for a shell", declare_completion,
         answer_completion, Visibility::hidden},
};

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

}  // namespace headroom::cli
