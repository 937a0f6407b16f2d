#include "planner/cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "planner/base/json.h"
#include "planner/base/written_file.h"

namespace headroom::cli {
namespace {

bool is_dumb() { return environment("TERM").empty() || environment("TERM") == "dumb"; }

/// A reader that has gone (EPIPE) has what it wanted; any other failure is one.
void write_output(std::string_view text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (written && std::fflush(stdout) == 0) return;
    const int failure = errno;
    if (failure == EPIPE) return;
    throw InputError("standard output",
                     "cannot be written: " + std::generic_category().message(failure));
}

std::string saved_text(const Answer& answer) {
    return answer.saved ? *answer.saved : json_text(answer.document);
}

/// -o FILE; true when nothing is left for standard output.
bool save(const Answer& answer, const CommonOptions& common) {
    if (common.output.empty()) return false;
    if (!answer.saves) {
        write_error(fmt::format("headroom: {} is not written\n", common.output));
        return false;
    }
    if (common.output == "-") {
        write_output(saved_text(answer));
        return true;
    }
    write_file_atomically(common.output, saved_text(answer));
    // A verb whose text is its document has nothing more to say.
    return answer.saved == answer.text;
}

}  // namespace

std::string environment(const char* name) {
    // The program has one thread when it asks.
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? "" : value;
}

Style output_style(const CommonOptions& common) {
    const bool wanted = !common.plain && environment("NO_COLOR").empty() && !is_dumb();
    return {.colour = wanted && !common.json && ::isatty(STDOUT_FILENO) != 0};
}

bool shows_progress(const CommonOptions& common) {
    return !common.quiet && !is_dumb() && ::isatty(STDERR_FILENO) != 0;
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool controls = byte < 0x20 || byte == 0x7f;
        out += controls ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
    }
    return out;
}

void write_error(std::string_view text) {
    // Nobody is left to tell when this fails.
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string json_text(const Json& document) {
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Exit write_answer(const Answer& answer, const Options& options) {
    const auto& common = options.common;
    if (!common.quiet) {
        for (const auto& note : answer.notes) {
            write_error(fmt::format("headroom: {}\n", printable(note)));
        }
    }
    if (save(answer, common)) return answer.exit;
    if (common.json) {
        write_output(json_text(answer.document));
    } else {
        write_output(common.quiet ? answer.brief : answer.text);
    }
    return answer.exit;
}

}  // namespace headroom::cli
