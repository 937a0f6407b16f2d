#include "planner/cli/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "planner/base/json.h"
#include "planner/base/units.h"
#include "planner/cli/claim.h"
#include "planner/cli/figures.h"

namespace headroom {
namespace {

using claims::Beyond;
using claims::Claim;
using claims::ClaimGroup;
using claims::Relation;

/// A claim with our figure.
struct Checked {
    const Claim* claim = nullptr;
    double ours = 0.0;

    [[nodiscard]] double ratio() const { return ours / claim->published; }
    [[nodiscard]] bool agrees() const {
        switch (claim->relation) {
            case Relation::about:
                return std::abs(ratio() - 1.0) <= claim->tolerance;
            case Relation::under:
                return ours <= claim->published;
            case Relation::over:
                return ours >= claim->published;
        }
        return false;
    }
};

std::array<ClaimGroup, 8> groups() {
    return {claims::state_claims(),      claims::checkpoint_claims(),  claims::sharding_claims(),
            claims::offload_claims(),    claims::adapter_claims(),     claims::expert_claims(),
            claims::expert_run_claims(), claims::distillation_claims()};
}

/// Four significant digits, without an exponent.
std::string number(double value) {
    const double size = std::abs(value);
    if (size >= 1e4) return with_thousands(std::llround(value));
    const int digits = size >= 1e3 ? 0 : size >= 1e2 ? 1 : size >= 1e1 ? 2 : 3;
    return fmt::format("{:.{}f}", value, digits);
}

std::string quantity(const std::string& value, std::string_view unit) {
    return unit.empty() ? value : fmt::format("{} {}", value, unit);
}

std::string_view sign_of(Relation relation) {
    switch (relation) {
        case Relation::about:
            return "";
        case Relation::under:
            return "< ";
        case Relation::over:
            return "> ";
    }
    return "";
}

std::string published(const Claim& claim) {
    const double value = claim.published;
    const std::string text = value >= 1e3 ? number(value) : fmt::format("{:g}", value);
    return fmt::format("{}{}", sign_of(claim.relation), quantity(text, claim.unit));
}

std::string verdict(const Checked& checked) {
    if (!checked.agrees()) return "differs";
    if (checked.claim->relation != Relation::about) return "agrees";
    return fmt::format("agrees within {:g} %", checked.claim->tolerance * 100.0);
}

std::vector<Checked> check(const ClaimGroup& group, const Library& library) {
    std::vector<Checked> out;
    for (const auto& claim : group.claims) out.push_back({&claim, claim.ours(library)});
    return out;
}

std::string markdown_row(const Checked& checked) {
    const Claim& claim = *checked.claim;
    return fmt::format("| `{}` | {} ({}) | {} | {} | {:.3f} | {}: {} | {} |\n", claim.id,
                       claim.figure, claim.source, published(claim),
                       quantity(number(checked.ours), claim.unit), checked.ratio(),
                       verdict(checked), claim.why, claim.request);
}

constexpr std::string_view kMarkdownHead =
    "# Published figures, beside ours\n"
    "\n"
    "Figures that an article on cutting the cost of training (\"A Field Guide to Cutting LLM\n"
    "Training and Fine-tuning Costs\") quotes from its sources, and what this planner computes "
    "for\n"
    "the same case. `headroom claims --markdown` writes this page: the published figures are "
    "data,\n"
    "every figure of ours is computed at that moment. GB and TB are decimal, GiB is binary.\n"
    "A bound (`<`, `>`) agrees when ours keeps it.\n";

/// A group with our figures.
struct CheckedGroup {
    ClaimGroup group{};
    std::vector<Checked> rows{};
};

std::vector<CheckedGroup> check_all(const Library& library) {
    std::vector<CheckedGroup> out;
    for (const auto& group : groups()) out.push_back({group, check(group, library)});
    return out;
}

std::string summary(const std::vector<CheckedGroup>& all) {
    std::size_t rows = 0;
    std::ptrdiff_t agreeing = 0;
    for (const auto& entry : all) {
        rows += entry.rows.size();
        agreeing += std::ranges::count_if(entry.rows, &Checked::agrees);
    }
    return fmt::format("{} of {} figures agree.\n", agreeing, rows);
}

std::string markdown(const Library& library) {
    const auto all = check_all(library);
    std::string text = fmt::format("{}\n{}", kMarkdownHead, summary(all));
    for (const auto& [group, rows] : all) {
        text += fmt::format(
            "\n## {}\n\n| Claim | Figure | Published | Ours | Ratio | Verdict | Computed from |\n"
            "|---|---|---:|---:|---:|---|---|\n",
            group.title);
        for (const auto& checked : rows) text += markdown_row(checked);
    }
    text += "\n## Beyond a plan\n\n| Figure | Why not |\n|---|---|\n";
    for (const auto& beyond : claims::beyond_planning()) {
        text += fmt::format("| {} | {} |\n", beyond.figure, beyond.why);
    }
    return text;
}

std::string plain_row(const Checked& checked) {
    const Claim& claim = *checked.claim;
    std::string text =
        fmt::format("  {}: {}\n    published {}, ours {} (ratio {:.3f}): {}\n", claim.id,
                    claim.figure, published(claim), quantity(number(checked.ours), claim.unit),
                    checked.ratio(), verdict(checked));
    text += cli::wrapped(claim.why, 4);
    text += cli::wrapped(fmt::format("computed from: {}", claim.request), 4);
    return text + cli::wrapped(fmt::format("source: {}", claim.source), 4);
}

std::string plain(const Library& library) {
    const auto all = check_all(library);
    std::string text = summary(all);
    for (const auto& [group, rows] : all) {
        text += fmt::format("\n{}\n", group.title);
        for (const auto& checked : rows) text += plain_row(checked);
    }
    text += "\nBeyond a plan\n";
    for (const auto& beyond : claims::beyond_planning()) {
        text += cli::wrapped(fmt::format("{}: {}", beyond.figure, beyond.why), 2);
    }
    return text;
}

Json row_json(const ClaimGroup& group, const Checked& checked) {
    constexpr std::array<std::string_view, 3> kRelations{"about", "under", "over"};
    const Claim& claim = *checked.claim;
    Json row{{"group", group.title},
             {"id", claim.id},
             {"figure", claim.figure},
             {"source", claim.source},
             {"published", claim.published},
             {"unit", claim.unit},
             {"relation", kRelations[static_cast<std::size_t>(claim.relation)]},
             {"ours", checked.ours},
             {"ratio", checked.ratio()},
             {"agrees", checked.agrees()},
             {"why", claim.why},
             {"request", claim.request}};
    if (claim.relation == Relation::about) row["tolerance"] = claim.tolerance;
    return row;
}

}  // namespace

std::string claims_text(const Library& library, bool as_markdown) {
    return as_markdown ? markdown(library) : plain(library);
}

Json claims_json(const Library& library) {
    Json rows = Json::array();
    for (const auto& [group, checks] : check_all(library)) {
        for (const auto& checked : checks) rows.push_back(row_json(group, checked));
    }
    Json beyond = Json::array();
    for (const auto& entry : claims::beyond_planning()) {
        beyond.push_back({{"figure", entry.figure}, {"why", entry.why}});
    }
    return {{"format", 1}, {"claims", rows}, {"beyond", beyond}};
}

}  // namespace headroom
