#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "tests/support/catch.h"

using headroom::read_text_file;

namespace {

/// The page as the program writes it, without the user's own profiles.
std::string page() {
    const std::string command = "XDG_CONFIG_HOME=/nonexistent \"" HEADROOM_PROGRAM
                                "\" claims --markdown --profiles \"" HEADROOM_PROFILES "\"";
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    REQUIRE(pipe != nullptr);
    std::string text;
    std::array<char, 4096> block{};
    while (const auto got = fread(block.data(), 1, block.size(), pipe.get())) {
        text.append(block.data(), got);
    }
    return text;
}

/// The page as it is committed, which the first case holds to be the program's.
std::string committed() { return read_text_file(HEADROOM_SOURCE "/docs/claims.md"); }

struct Row {
    double ratio = 0.0;
    std::string verdict{};
};

/// Cells of "| a | b |".
std::vector<std::string> cells(const std::string& line) {
    std::vector<std::string> out;
    for (std::size_t at = 2; at < line.size();) {
        const auto end = line.find(" | ", at);
        const bool last = end == std::string::npos;
        out.push_back(line.substr(at, (last ? line.size() - 2 : end) - at));
        at = last ? line.size() : end + 3;
    }
    return out;
}

/// Rows of the claims' tables by id.
std::map<std::string, Row> rows(const std::string& text) {
    std::map<std::string, Row> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("| `")) continue;
        const auto parts = cells(line);
        REQUIRE(parts.size() == 7);
        const auto id = parts[0].substr(1, parts[0].size() - 2);
        CHECK(out.try_emplace(id, Row{std::stod(parts[4]), parts[5]}).second);
    }
    return out;
}

}  // namespace

TEST_CASE("TheClaimsPageIsWhatTheProgramWrites") { CHECK(page() == committed()); }

TEST_CASE("ClaimsAgreeUnlessTheirDifferenceIsUnderstood") {
    // Each has its reason in the page; one that leaves or joins this list is news.
    const std::set<std::string> understood{"checkpoint-after", "deepseek-days", "deepseek-hours",
                                           "deepseek-memory",  "deepseek-usd",  "distilbert-speed",
                                           "gshard-days",      "infinity-host", "infinity-largest",
                                           "lora-full",        "mixed-all"};
    std::set<std::string> differing;
    const auto table = rows(committed());
    CHECK(table.size() >= 50);
    for (const auto& [id, row] : table) {
        INFO(id << ": " << row.verdict);
        CHECK(row.verdict.find(": ") + 10 < row.verdict.size());
        if (row.verdict.starts_with("differs")) differing.insert(id);
    }
    CHECK(differing == understood);
}

TEST_CASE("TheClaimsThatArePureArithmeticAreExact") {
    const auto table = rows(committed());
    for (const auto* id : {"bytes-weights", "bytes-gradients", "bytes-optimizer", "bytes-all",
                           "7b-states", "zero-3-times", "deepseek-total"}) {
        INFO(id);
        REQUIRE(table.contains(id));
        CHECK(std::abs(table.at(id).ratio - 1.0) <= 0.001);
    }
}

TEST_CASE("EveryShardingClaimIsWithinThreePercent") {
    for (const auto& [id, row] : rows(committed())) {
        if (!id.starts_with("zero-")) continue;
        INFO(id);
        CHECK(std::abs(row.ratio - 1.0) <= 0.03);
    }
}
