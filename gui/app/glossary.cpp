#include "gui/app/glossary.h"

#include <algorithm>

#include "gui/models/figures.h"
#include "gui/models/knob_model.h"
#include "planner/cli/report.h"
#include "planner/step/tensor.h"

namespace headroom::gui {
namespace {

struct TermRow {
    const char* name;
    const char* meaning;
};
/// What neither the knob table nor the report says already.
constexpr TermRow kTerms[] = {
    {"Model", "What is trained: a preset of the catalogue, a config.json or a safetensors file."},
    {"Teacher",
     "Distillation: a model whose forward pass joins every micro-step, and whose distribution over "
     "the vocabulary the trained model is asked for beside the tokens."},
    {"GPU", "A profile with capacity, bandwidth and dense peaks; each figure names its source."},
    {"GPUs", "All GPUs of the run. Those that no other degree takes are data parallel."},
    {"Nodes", "Machines of the node type; the GPUs follow from it."},
    {"Framework",
     "Who runs the plan: this program's own runtime, or a framework whose memory and time are then "
     "forecast as its own tools show them, each with a band."},
    {"Out of memory",
     "Probability that a run needs more than the device holds, from the band of the forecast."},
    {"Reserved by PyTorch", "What its caching allocator holds of the device, in use or not."},
    {"Batch",
     "Sequences that one optimizer step takes over all GPUs: micro-batch times "
     "accumulation times data ranks."},
    {"Ladder",
     "Techniques in the order in which they are usually tried, each on top of the ones "
     "before, with what it buys in memory and costs in time."},
    {"Peak", "The moment of a step at which the fullest GPU holds most."},
    {"Band", "Low, expected and high memory: what drivers and libraries take is not exact."},
    {"Tight", "Fits as expected, but not at the high end of the band."},
    {"MFU", "Model FLOPs utilisation: the FLOPs of the mathematics over those of the dense peak."},
    {"HFU", "Hardware FLOPs utilisation: the same with recomputation counted."},
    {"Bubble", "Time in which a pipeline stage waits for another."},
    {"Pareto front", "Plans that no other beats in memory, time and price at once."},
    {"Capacity", "Device memory that the driver reports as total, before its own context."},
    {"GiB and GB",
     "A GiB is 2^30 bytes, a GB 10^9. Capacities are in GiB unless you choose GB; "
     "link rates are always in GB/s."},
    {"Digest", "A fingerprint of the lowered step: two plans with one digest do the same work."},
};

}  // namespace

std::vector<Term> glossary() {
    std::vector<Term> terms;
    for (const auto& row : kTerms) {
        terms.push_back({QObject::tr(row.name), QObject::tr(row.meaning)});
    }
    for (const auto name : kRoleNames) terms.push_back({text(name), text(cli::meaning(name))});
    terms.push_back({QStringLiteral("reserved"), text(cli::meaning("reserved"))});
    for (const auto& knob : knobs()) terms.push_back({label_of(knob), text(knob.help)});
    std::ranges::sort(terms, [](const Term& a, const Term& b) {
        return QString::compare(a.name, b.name, Qt::CaseInsensitive) < 0;
    });
    return terms;
}

Term term_named(const QString& name) {
    if (name.isEmpty()) return {};
    for (const auto& term : glossary()) {
        if (term.name.compare(name, Qt::CaseInsensitive) == 0) return term;
    }
    for (const auto& term : glossary()) {
        if (name.startsWith(term.name, Qt::CaseInsensitive)) return term;
    }
    return {};
}

}  // namespace headroom::gui
