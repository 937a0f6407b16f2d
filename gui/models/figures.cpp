#include "gui/models/figures.h"

#include <QObject>
#include <QRegularExpression>
#include <cmath>

#include "planner/cli/figures.h"

namespace headroom::gui {
namespace {

Bytes as_bytes(double value) { return Bytes{static_cast<std::int64_t>(std::llround(value))}; }

}  // namespace

QString Figures::unitName() const {
    return unit == MemoryUnit::gib ? QStringLiteral("GiB") : QStringLiteral("GB");
}

double Figures::in(Bytes bytes) const {
    return unit == MemoryUnit::gib ? in_gib(bytes) : in_gb(bytes);
}

QString Figures::bare(Bytes bytes) const { return QString::number(in(bytes), 'f', 2); }

QString Figures::memory(Bytes bytes) const { return bare(bytes) + QLatin1Char(' ') + unitName(); }

QString Figures::change(Bytes bytes) const {
    if (bytes == Bytes{}) return QStringLiteral("=");
    return (bytes > Bytes{} ? QStringLiteral("+") : QString()) + memory(bytes);
}

QString Figures::number(NumberUnit kind, double value) const {
    if (kind == NumberUnit::bytes) return memory(as_bytes(value));
    return QString::fromStdString(to_string(kind, value));
}

QString Figures::difference(NumberUnit kind, double value) const {
    if (kind == NumberUnit::bytes) return change(as_bytes(value));
    return QString::fromStdString(difference_to_string(kind, value));
}

QString text(std::string_view utf8) {
    return QString::fromUtf8(utf8.data(), static_cast<qsizetype>(utf8.size()));
}

QString breakable(QString names) {
    static const QRegularExpression kEnd(QStringLiteral("([_,]|\\.(?=[a-z]))"));
    return names.replace(kEnd, QStringLiteral("\\1") + kMayBreak);
}

QString kept_together(QString sentence) {
    static const QRegularExpression kAmount(QStringLiteral("(\\d) (?=\\S)"));
    static const QRegularExpression kRate(QStringLiteral("/(?=s\\b)"));
    constexpr QChar kNoBreakSpace{0x00a0};
    constexpr QChar kWordJoiner{0x2060};
    sentence.replace(kAmount, QStringLiteral("\\1") + kNoBreakSpace);
    return sentence.replace(kRate, QLatin1Char('/') + QString(kWordJoiner));
}

QString price_words(double usd) {
    if (usd <= 0.0) return QObject::tr("unknown");
    return QLatin1Char('$') + QString::fromStdString(cli::usd_figure(usd));
}

QString text(Seconds time) { return QString::fromStdString(to_string(time)); }

QString change(Seconds time) {
    if (std::abs(time.count()) < 1e-6) return {};
    return QString::fromStdString(cli::signed_time(time));
}

}  // namespace headroom::gui
