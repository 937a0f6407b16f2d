#include "gui/models/plan_tables.h"

#include <algorithm>

#include "planner/cli/figures.h"
#include "planner/cli/report.h"

namespace headroom::gui {
namespace {

QString tr(const char* words) { return QObject::tr(words); }

QString percent(double fraction) { return QString::fromStdString(cli::percent(fraction)); }

QString formula_of(const std::vector<PeakCategory>& peak, std::string_view name) {
    const auto found = std::ranges::find(peak, name, &PeakCategory::name);
    return found == peak.end() ? QString() : QString::fromStdString(found->formula);
}

QString amount(Bytes bytes, const Figures& figures) {
    return bytes == Bytes{} ? QStringLiteral("–") : figures.bare(bytes);
}

template <Bytes PhaseMemory::*Member>
Column<PhaseMemory> phase_column(const char* title, const char* tip) {
    return {title, tip,
            [](const PhaseMemory& row, const Figures& f) { return amount(row.*Member, f); },
            [](const PhaseMemory& row) { return QVariant((row.*Member).real()); }, kRight};
}

QString share_of(Seconds part, Seconds whole) {
    return whole > Seconds{} ? percent(part / whole) : QString();
}

void add_times(std::vector<CostRow>& rows, const CostBreakdown& cost) {
    struct Part {
        const char* name;
        Seconds time;
        const char* note;
    };
    const Part parts[] = {
        {"compute", cost.compute, "forward and backward"},
        {"communication", cost.exposed_communication, "collectives not hidden"},
        {"bubble", cost.bubble, "pipeline stages that wait"},
        {"transfer", cost.transfer, "host, NVMe; not hidden"},
        {"optimizer", cost.optimizer, "the update"},
    };
    rows.push_back({tr("Time of a step"), text(cost.step),
                    tr("%1 to %2").arg(text(cost.step_low), text(cost.step_high)), true});
    for (const auto& part : parts) {
        if (part.time <= Seconds{}) continue;
        rows.push_back({tr(part.name), text(part.time),
                        share_of(part.time, cost.step) + QStringLiteral(" · ") + tr(part.note)});
    }
}

void add_rates(std::vector<CostRow>& rows, const CostBreakdown& cost) {
    rows.push_back({tr("Speed"), QString::fromStdString(cli::rounded(cost.tokens_per_second)),
                    tr("tokens a second, of all GPUs"), true});
    rows.push_back({QStringLiteral("MFU"), percent(cost.mfu), tr("of the dense peak")});
    rows.push_back({QStringLiteral("HFU"), percent(cost.hfu), tr("with recomputation")});
    rows.push_back({tr("model FLOPs"), QString::fromStdString(to_string(cost.model_flops)),
                    tr("the mathematics of a step")});
}

/// A step may cost less than a cent.
QString cost_of(Usd price) {
    if (price < Usd{1.0}) return QLatin1Char('$') + QString::number(price.count(), 'g', 3);
    return text(to_string(price));
}

void add_run(std::vector<CostRow>& rows, const CostBreakdown& cost) {
    const bool whole = cost.steps > 0;
    rows.push_back({whole ? tr("The whole run") : tr("One step"),
                    cost.usd > Usd{} ? cost_of(cost.usd) : tr("price unknown"),
                    whole ? tr("%1 steps").arg(text(with_thousands(cost.steps))) : QString(),
                    true});
    rows.push_back({tr("GPU-hours"), text(to_string(NumberUnit::gpu_hours, cost.gpu_hours)), {}});
    if (cost.energy_kwh > 0.0) {
        rows.push_back({tr("energy"), text(to_string(NumberUnit::kwh, cost.energy_kwh)),
                        tr("GPU-hours at rated power"), false,
                        cost.notes.empty() ? QString() : text(cost.notes.back())});
    }
    if (!cost.price.provider.empty()) {
        rows.push_back({tr("a GPU-hour"),
                        QString::fromStdString(to_string(cost.price.per_gpu_hour)),
                        text(cost.price.provider) + QLatin1Char(' ') + text(cost.price.kind) +
                            QLatin1Char(' ') + text(cost.price.dated)});
    }
}

QString peak_place(const RankMemory& rank) {
    const auto layer = rank.peak_layer < 0 ? QString() : tr(" of layer %1").arg(rank.peak_layer);
    return tr("peak in the %1 pass%2, during %3")
        .arg(text(name(rank.peak_phase)), layer, text(rank.peak_op));
}

/// Where memory is short, for a reader: which phase of the run, or which part of a node.
QString limit_of(const Shortfall& shortfall, const Plan& plan) {
    if (shortfall.where == "host") return tr("of a node's host memory");
    if (shortfall.where == "nvme") return tr("of a node's drives");
    return tr("of GPU memory; ") + peak_place(plan.predicted.worst_rank());
}

QString meaning_of(const CategoryRow& row, const Figures& figures) {
    const auto meaning = text(cli::meaning(row.name.toStdString()));
    if (row.teacher == Bytes{}) return meaning;
    return tr("%1, %2 the teacher's").arg(meaning, figures.bare(row.teacher));
}

}  // namespace

std::vector<CategoryRow> category_rows(const Plan& plan, const std::vector<PeakCategory>& peak) {
    const auto& device = plan.predicted.worst_rank().device;
    const Bytes capacity = plan.predicted.capacity;
    std::vector<CategoryRow> rows;
    const auto add = [&](std::string_view name, Bytes bytes) {
        if (bytes == Bytes{}) return;
        rows.push_back({text(name), bytes, capacity, formula_of(peak, name)});
    };
    for (std::size_t i = 0; i < kRoles; ++i) {
        add(kRoleNames[i], device.by_role[i]);
        if (static_cast<Role>(i) == Role::parameter && !rows.empty()) {
            rows.back().teacher = plan.predicted.teacher;
        }
    }
    add("reserved", device.reserved);
    return rows;
}

RowModel<CategoryRow> category_model() {
    using R = CategoryRow;
    return RowModel<R>(
        {{"category", "What the bytes are for", [](const R& r, const Figures&) { return r.name; }},
         {"%unit", "At the peak, on the fullest GPU",
          [](const R& r, const Figures& f) { return f.bare(r.bytes); },
          [](const R& r) { return QVariant(r.bytes.real()); }, kRight},
         {"of GPU", "Share of what the GPU offers",
          [](const R& r, const Figures&) { return percent(r.bytes / r.capacity); },
          [](const R& r) { return QVariant(r.bytes.real()); }, kRight},
         {"what it is", "", meaning_of}},
        nullptr, category_note);
}

QString category_note(const CategoryRow& row, const Figures& figures) {
    auto out = QStringLiteral("%1: %2, %3 of the GPU\n%4")
                   .arg(row.name, figures.memory(row.bytes), percent(row.bytes / row.capacity),
                        meaning_of(row, figures));
    if (!row.formula.isEmpty()) out += QStringLiteral("\n= ") + row.formula;
    return out;
}

std::vector<CostRow> cost_rows(const Plan& plan) {
    std::vector<CostRow> rows;
    add_times(rows, plan.predicted.cost);
    add_rates(rows, plan.predicted.cost);
    add_run(rows, plan.predicted.cost);
    return rows;
}

RowModel<CostRow> cost_model() {
    using R = CostRow;
    return RowModel<R>(
        {{"cost", "", [](const R& r, const Figures&) { return r.name; }},
         {"", "", [](const R& r, const Figures&) { return r.value; }, nullptr, kRight},
         {"", "", [](const R& r, const Figures&) { return r.note; }}},
        [](const R& r) { return r.heading ? Tone::heading : Tone::plain; },
        [](const R& r, const Figures&) { return r.source.isEmpty() ? r.note : r.source; });
}

std::vector<PhaseMemory> phase_rows(const Plan& plan) {
    const auto& predicted = plan.predicted;
    auto rows = predicted.phases;
    rows.push_back({.phase = "limit",
                    .device = predicted.capacity,
                    .host = predicted.host_capacity,
                    .nvme = predicted.nvme_capacity});
    return rows;
}

RowModel<PhaseMemory> phase_model() {
    using R = PhaseMemory;
    return RowModel<R>(
        {{"phase", "Part of the run", [](const R& r, const Figures&) { return text(r.phase); }},
         phase_column<&R::device>("GPU, %unit", "On the fullest GPU"),
         phase_column<&R::host>("host, %unit", "Host memory of a node"),
         phase_column<&R::nvme>("NVMe, %unit", "Drives of a node"),
         phase_column<&R::disk>("disk, %unit", "Read or written by the whole run")},
        [](const R& r) { return r.phase == "limit" ? Tone::faint : Tone::plain; },
        [](const R& r, const Figures&) { return text(r.note); });
}

std::vector<AliveRow> alive_rows(const std::vector<PeakCategory>& categories) {
    std::vector<AliveRow> rows;
    for (const auto& category : categories) {
        for (const auto& item : category.items) rows.push_back({text(category.name), item});
    }
    std::ranges::stable_sort(
        rows, [](const auto& a, const auto& b) { return a.item.bytes > b.item.bytes; });
    return rows;
}

RowModel<AliveRow> alive_model() {
    using R = AliveRow;
    return RowModel<R>(
        {{"category", "", [](const R& r, const Figures&) { return r.category; }},
         {"%unit", "All of them together",
          [](const R& r, const Figures& f) { return f.bare(r.item.bytes); },
          [](const R& r) { return QVariant(r.item.bytes.real()); }, kRight},
         {"count", "", [](const R& r, const Figures&) { return QString::number(r.item.count); },
          [](const R& r) { return QVariant(static_cast<qint64>(r.item.count)); }, kRight},
         {"dtype", "", [](const R& r, const Figures&) { return text(r.item.dtype); }},
         {"shape", "", [](const R& r, const Figures&) { return text(r.item.shape); }},
         {"tensors", "Part of the model; d(…) is a gradient",
          [](const R& r, const Figures&) { return breakable(text(r.item.part)); }}});
}

FitBadge fit_badge(const Plan& plan, const Figures& figures) {
    if (const auto* fits = std::get_if<Fits>(&plan.verdict)) {
        const auto free =
            tr("%1 of %2 free on each GPU; ")
                .arg(figures.memory(fits->headroom), figures.memory(plan.predicted.capacity));
        const auto where = peak_place(plan.predicted.worst_rank());
        if (!fits->tight) return {Fit::fits, tr("Fits"), free + where, {}};
        return {Fit::tight,
                tr("Tight"),
                tr("as expected, but not at the high end of the band; ") + free + where,
                {}};
    }
    const auto& shortfall = std::get<Shortfall>(plan.verdict);
    QStringList remedies;
    for (const auto& each : shortfall.remedies) remedies.append(text(each));
    return {Fit::no, tr("Does not fit"),
            tr("%1 missing %2").arg(figures.memory(shortfall.missing), limit_of(shortfall, plan)),
            remedies.isEmpty() ? tr("No setting of this configuration alone helps.")
                               : tr("Helps: ") + remedies.join(QStringLiteral(", "))};
}

}  // namespace headroom::gui
