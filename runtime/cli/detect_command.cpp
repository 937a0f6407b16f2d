#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <filesystem>

#include "planner/base/json.h"
#include "planner/cli/output.h"
#include "planner/cli/profiles.h"
#include "runtime/cli/run.h"
#include "runtime/detect.h"

namespace headroom::run {
namespace {

constexpr const char* kId = "this-machine";

std::string summary(const Json& profile) {
    return fmt::format(
        "{}: {:.1f} GiB, {:.1f} GB/s, fp32 {:.3f} TFLOP/s ({:.0f} % of it in small products, "
        "{:.0f} % in attention), an op costs {:.1f} us\n",
        kId, profile["memory_capacity_gib"]["expected"].get<double>(),
        profile["memory_bandwidth_gb_s"].get<double>(),
        profile["peak_tflops"]["fp32"].get<double>(),
        100.0 * profile["gemm_fraction"].get<double>(),
        100.0 * profile["attention_fraction"].get<double>(),
        profile["launch_latency_us"].get<double>());
}

}  // namespace

Exit detect(const RunOptions& options) {
    const auto date = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)));
    const Json profile = detect_processor(kId, date);
    cli::Answer answer{.text = summary(profile), .brief = "", .document = profile};
    cli::Options said{.common = options.common};
    if (said.common.output.empty()) {
        const auto folder = cli::user_hardware();
        std::filesystem::create_directories(folder);
        said.common.output = (folder / fmt::format("{}.json", kId)).string();
        answer.text +=
            fmt::format("written to {}; plan for it with --gpu {}\n", said.common.output, kId);
    }
    return cli::write_answer(answer, said);
}

}  // namespace headroom::run
