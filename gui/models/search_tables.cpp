#include "gui/models/search_tables.h"

#include "planner/cli/figures.h"
#include "planner/cli/report.h"
#include "planner/spec/knob.h"

namespace headroom::gui {
namespace {

QString tr(const char* words) { return QObject::tr(words); }

QString fit_word(const RungRow& row) {
    if (row.isSkipped()) return tr("skipped");
    if (!row.rung.fits) return tr("no");
    return row.first ? tr("fits, the first") : tr("fits");
}

Tone rung_tone(const RungRow& row) {
    if (row.isSkipped()) return Tone::faint;
    if (row.first) return Tone::good;
    return row.rung.fits ? Tone::plain : Tone::bad;
}

template <std::int64_t ParallelLayout::*Member>
Column<CandidateRow> layout_column(const char* title, const char* tip) {
    return {title, tip,
            [](const CandidateRow& r, const Figures&) {
                return QString::number(r.candidate.request.layout.*Member);
            },
            [](const CandidateRow& r) {
                return QVariant(static_cast<qint64>(r.candidate.request.layout.*Member));
            },
            kRight};
}

template <double Candidate::*Member>
QVariant candidate_key(const CandidateRow& row) {
    return row.candidate.*Member;
}

QString every_setting(const PlanRequest& request) {
    QStringList out;
    for (const auto& knob : knobs()) {
        out.append(text(knob.name) + QLatin1Char('=') + text(to_string(knob.get(request))));
    }
    return out.join(QLatin1Char('\n'));
}

QString fit_word(const CandidateRow& row) {
    if (!row.candidate.fits) return tr("no");
    return row.candidate.safe ? tr("fits") : tr("tight");
}

Tone agreement_tone(const Finding& row) {
    switch (row.agreement) {
        case Agreement::equal:
        case Agreement::within:
            return Tone::good;
        case Agreement::outside:
            return Tone::bad;
        case Agreement::informative:
            return Tone::plain;
    }
    return Tone::plain;
}

QString agreement_word(const Finding& row) {
    switch (row.agreement) {
        case Agreement::equal:
            return tr("equal");
        case Agreement::within:
            return tr("within");
        case Agreement::outside:
            return tr("outside");
        case Agreement::informative:
            return {};
    }
    return {};
}

QString finding_difference(const Finding& row, const Figures& figures) {
    if (row.difference() == 0.0) return QStringLiteral("=");
    if (row.predicted == 0.0) return figures.difference(row.unit, row.difference());
    return QString::asprintf("%+.1f %%", row.difference() / row.predicted * 100.0);
}

}  // namespace

std::vector<RungRow> rung_rows(const Ladder& ladder) {
    std::vector<RungRow> rows;
    for (std::size_t i = 0; i < ladder.rungs.size(); ++i) {
        rows.push_back({ladder.rungs[i], ladder.first_fit == i, i == 0});
    }
    return rows;
}

RowModel<RungRow> rung_model() {
    using R = RungRow;
    return RowModel<R>({{"rung", "Each on top of the one before",
                         [](const R& r, const Figures&) { return text(r.rung.name); }},
                        {"%unit a GPU", "On the fullest GPU",
                         [](const R& r, const Figures& f) { return f.bare(r.rung.memory); },
                         [](const R& r) { return QVariant(r.rung.memory.real()); }, kRight},
                        {"buys, %unit", "Less than the rung before",
                         [](const R& r, const Figures& f) {
                             return r.ground || r.isSkipped() ? QString() : f.bare(r.rung.bought);
                         },
                         [](const R& r) { return QVariant(r.rung.bought.real()); }, kRight},
                        {"step", "Time of an optimizer step",
                         [](const R& r, const Figures&) { return text(r.rung.step); },
                         [](const R& r) { return QVariant(r.rung.step.count()); }, kRight},
                        {"costs", "More than the rung before",
                         [](const R& r, const Figures&) {
                             return r.ground || r.isSkipped() ? QString() : change(r.rung.paid);
                         },
                         [](const R& r) { return QVariant(r.rung.paid.count()); }, kRight},
                        {"fits", "", [](const R& r, const Figures&) { return fit_word(r); }},
                        {"note", "", [](const R& r, const Figures&) { return text(r.rung.note); }}},
                       rung_tone);
}

std::vector<CandidateRow> candidate_rows(const SearchResult& result) {
    std::vector<CandidateRow> rows;
    if (result.front.empty()) return rows;
    const auto& base = result.best ? result.best->request : result.front.front().request;
    for (const auto& each : result.front) {
        const bool best = each.request == base;
        const auto differs = cli::settings_beside(each.request, base);
        rows.push_back(
            {each, best ? tr("the best") : text(differs), every_setting(each.request), best});
    }
    return rows;
}

RowModel<CandidateRow> candidate_model() {
    using R = CandidateRow;
    using L = ParallelLayout;
    return RowModel<R>(
        {{"%unit a GPU", "On the fullest GPU",
          [](const R& r, const Figures& f) { return f.bare(r.candidate.memory); },
          [](const R& r) { return QVariant(r.candidate.memory.real()); }, kRight},
         {"step", "Time of an optimizer step",
          [](const R& r, const Figures&) { return text(r.candidate.step); },
          [](const R& r) { return QVariant(r.candidate.step.count()); }, kRight},
         {"tokens/s", "Of all GPUs",
          [](const R& r, const Figures&) {
              return text(cli::rounded(r.candidate.tokens_per_second));
          },
          candidate_key<&Candidate::tokens_per_second>, kRight},
         {"$ a million", "Price of a million tokens",
          [](const R& r, const Figures&) {
              return text(cli::usd_figure(r.candidate.usd_per_million_tokens));
          },
          candidate_key<&Candidate::usd_per_million_tokens>, kRight},
         {"fits", "", [](const R& r, const Figures&) { return fit_word(r); }},
         {"GPUs", "",
          [](const R& r, const Figures&) {
              return QString::number(r.candidate.request.hardware.gpus);
          },
          [](const R& r) {
              return QVariant(static_cast<qint64>(r.candidate.request.hardware.gpus));
          },
          kRight},
         layout_column<&L::data>("data", "Data-parallel degree"),
         layout_column<&L::tensor>("tensor", "Tensor-parallel degree"),
         layout_column<&L::pipeline>("pipeline", "Pipeline stages"),
         layout_column<&L::context>("context", "Context-parallel degree"),
         {"ZeRO", "Sharding stage",
          [](const R& r, const Figures&) {
              return QString::number(r.candidate.request.layout.zero);
          },
          nullptr, kRight},
         {"differs by", "From the best",
          [](const R& r, const Figures&) { return breakable(r.settings); }}},
        [](const R& r) { return r.best ? Tone::good : Tone::plain; },
        [](const R& r, const Figures&) { return r.settings; }, [](const R& r) { return r.every; });
}

RowModel<Finding> finding_model() {
    using R = Finding;
    return RowModel<R>(
        {{"group", "", [](const R& r, const Figures&) { return text(r.group); }},
         {"part", "", [](const R& r, const Figures&) { return breakable(text(r.part)); }},
         {"predicted", "",
          [](const R& r, const Figures& f) { return f.number(r.unit, r.predicted); },
          [](const R& r) { return QVariant(r.predicted); }, kRight},
         {"measured", "", [](const R& r, const Figures& f) { return f.number(r.unit, r.measured); },
          [](const R& r) { return QVariant(r.measured); }, kRight},
         {"difference", "Measured over predicted", finding_difference,
          [](const R& r) { return QVariant(r.difference()); }, kRight},
         {"", "Whether it keeps what was promised",
          [](const R& r, const Figures&) { return agreement_word(r); }},
         {"why", "Why they differ, or where the tolerance comes from",
          [](const R& r, const Figures&) { return text(r.reason); }}},
        agreement_tone, [](const R& r, const Figures&) { return text(r.reason); });
}

}  // namespace headroom::gui
