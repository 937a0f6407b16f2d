#include "gui/models/forecast_table.h"

#include <algorithm>

#include "planner/base/error.h"
#include "planner/cli/figures.h"

namespace headroom::gui {
namespace {

QString tr(const char* words) { return QObject::tr(words); }

QString percent(double fraction) { return QString::fromStdString(cli::percent(fraction)); }

QString band_words(const BandFactors& band) {
    return band.rows == 0 ? tr("no measurement of this kind is known, hence a wide band")
                          : tr("nine in ten of %1 measurements").arg(band.rows);
}

QString sources(const EngineForecast& forecast) {
    const auto gpu = forecast.gpu_numbers.empty()
                         ? tr("efficiencies of no measured GPU of this kind")
                         : tr("efficiencies fitted on %1").arg(text(forecast.gpu_numbers));
    return gpu + (forecast.framework_fitted ? tr(" and the framework's own runs")
                                            : tr(" and no run of this framework"));
}

void add_memory(std::vector<ForecastRow>& rows, const EngineForecast& forecast) {
    const auto& memory = forecast.memory;
    const auto& band = forecast.odds.band;
    const auto tools = memory_tools(*forecast.engine);
    const auto scaled = [&](double factor) {
        return Bytes{static_cast<std::int64_t>(memory.process.real() * factor)};
    };
    rows.push_back({.name = tr("Memory of a process"),
                    .bytes = memory.process,
                    .note = tr("as nvidia-smi shows it: ") + band_words(band),
                    .low = scaled(band.low),
                    .high = scaled(band.high),
                    .heading = true});
    rows.push_back({.name = tr("reserved"),
                    .bytes = memory.reserved,
                    .note = breakable(text(tools.reserved))});
    rows.push_back({.name = tr("allocated"),
                    .bytes = memory.allocated,
                    .note = breakable(text(tools.allocated))});
    rows.push_back({.name = tr("states"),
                    .bytes = memory.states,
                    .note = tr("weights, gradients, master weights, moments")});
    rows.push_back({.name = tr("buffers"),
                    .bytes = memory.buffers,
                    .note = tr("of the framework, and gathered weights")});
    rows.push_back({.name = tr("the step's own"),
                    .bytes = memory.transient,
                    .note = tr("activations, their gradients and scratch, most at once")});
    rows.push_back({.name = tr("out of memory"),
                    .value = percent(forecast.odds.out_of_memory),
                    .note = tr("probability, from that band")});
}

void add_time(std::vector<ForecastRow>& rows, const Plan& plan, const EngineForecast& forecast) {
    const auto& cost = plan.predicted.cost;
    const double faster = cost.step / forecast.step;  // the same work in another time
    rows.push_back({.name = tr("Time of a step"),
                    .value = text(forecast.step),
                    .note = tr("%1 to %2: %3")
                                .arg(text(forecast.step * forecast.step_band.low),
                                     text(forecast.step * forecast.step_band.high),
                                     band_words(forecast.step_band)),
                    .heading = true});
    rows.push_back({.name = tr("from"), .note = sources(forecast)});
    rows.push_back({.name = tr("tokens a second"),
                    .value = text(cli::rounded(cost.tokens_per_second * faster)),
                    .note = tr("of all GPUs")});
    rows.push_back({.name = QStringLiteral("MFU"),
                    .value = percent(cost.mfu * faster),
                    .note = tr("of the dense peak, without recomputation")});
    if (cost.steps == 0) return;
    const bool priced = cost.price.per_gpu_hour > Usd{};
    rows.push_back(
        {.name = tr("the run"),
         .value = text(cost.step / faster * static_cast<double>(cost.steps)),
         .note = tr("%1 GPU-hours").arg(text(cli::rounded(cost.gpu_hours / faster))) +
                 (priced ? QStringLiteral(", ") + text(to_string(cost.usd * (1.0 / faster)))
                         : QString())});
}

}  // namespace

std::vector<ForecastRow> forecast_rows(const Plan& plan, const EngineForecast& forecast) {
    std::vector<ForecastRow> rows;
    add_memory(rows, forecast);
    add_time(rows, plan, forecast);
    return rows;
}

RowModel<ForecastRow> forecast_model() {
    using R = ForecastRow;
    return RowModel<R>(
        {{"what its tools will show", "", [](const R& r, const Figures&) { return r.name; }},
         {"", "",
          [](const R& r, const Figures& f) {
              return r.bytes > Bytes{} ? f.memory(r.bytes) : r.value;
          },
          nullptr, kRight},
         {"", "",
          [](const R& r, const Figures& f) {
              if (r.high <= Bytes{}) return r.note;
              return tr("%1 to %2, %3").arg(f.bare(r.low), f.memory(r.high), r.note);
          }}},
        [](const R& r) { return r.heading ? Tone::heading : Tone::plain; });
}

FitBadge forecast_badge(const EngineForecast& forecast, const Figures& figures) {
    const bool expected = forecast.memory.process <= forecast.capacity;
    const auto how = static_cast<std::size_t>(chances(forecast));
    constexpr Fit kFits[] = {Fit::fits, Fit::tight, Fit::no, Fit::no};
    constexpr const char* kWords[] = {"Fits", "Tight", "Unlikely to fit", "Does not fit"};
    const auto what = expected
                          ? tr("%1 of %2 free on each GPU")
                                .arg(figures.memory(forecast.capacity - forecast.memory.process),
                                     figures.memory(forecast.capacity))
                          : tr("%1 missing of %2 on each GPU")
                                .arg(figures.memory(forecast.memory.process - forecast.capacity),
                                     figures.memory(forecast.capacity));
    return {.fit = kFits[how],
            .word = tr(kWords[how]),
            .sentence = tr("with %1 (%2): %3; %4 likely to run out of memory")
                            .arg(text(forecast.engine->id), text(forecast.engine->version), what,
                                 percent(forecast.odds.out_of_memory))};
}

std::vector<EngineChoice> engine_choices() {
    std::vector<EngineChoice> out{
        {tr("headroom (our own)"), text(PlanRequest{}.engine),
         tr("What headroom-run executes: the plan's numbers are its own")}};
    for (const auto& engine : engines()) {
        const auto id = text(engine.id);
        const auto version = text(engine.version);
        const bool newest =
            std::none_of(out.begin(), out.end(), [&](const auto& each) { return each.name == id; });
        out.push_back({tr("%1 (%2)").arg(id, version),
                       newest ? id : id + QLatin1Char('-') + version, text(engine.describes)});
    }
    return out;
}

int engine_choice_of(const std::string& name) {
    const auto choices = engine_choices();
    const auto same = [&](const EngineChoice& each) {
        const auto known = each.name.toStdString();
        if (known == name) return true;
        try {
            return &engine_of(known) == &engine_of(name);
        } catch (const InputError&) {
            return false;  // our own runtime, or a name that nobody knows
        }
    };
    const auto found = std::ranges::find_if(choices, same);
    return found == choices.end() ? -1 : static_cast<int>(found - choices.begin());
}

}  // namespace headroom::gui
