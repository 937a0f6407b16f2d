#include "runtime/data/token_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "planner/base/error.h"
#include "planner/base/units.h"
#include "runtime/data/mixing.h"

namespace headroom {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

struct FormatRow {
    TokenFormat format;
    std::string_view name;
    std::size_t bytes;         ///< a token's
    std::int32_t magic = 0;    ///< llm.c's header, word 0
    std::int32_t version = 0;  ///< and word 1
};
constexpr std::array kFormats{FormatRow{TokenFormat::text, "text", 1},
                              FormatRow{TokenFormat::u16, "16-bit", 2, 20240520, 1},
                              FormatRow{TokenFormat::u32, "32-bit", 4, 20240801, 7}};

/// llm.c's header: 256 words; magic number, version, count of tokens.
struct Header {
    std::int32_t magic = 0;
    std::int32_t version = 0;
    std::int32_t count = 0;
};
constexpr std::size_t kHeaderBytes = 1024;

const FormatRow& row_of(TokenFormat format) {
    return *std::ranges::find(kFormats, format, &FormatRow::format);
}

/// The header at the start of a file, if its magic number is one that is known.
std::optional<Header> header_of(std::span<const std::byte> bytes) {
    Header header;
    if (bytes.size() < kHeaderBytes) return std::nullopt;
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.magic == 0 || std::ranges::count(kFormats, header.magic, &FormatRow::magic) == 0) {
        return std::nullopt;
    }
    return header;
}

TokenFormat format_by_header(const Header& header, const std::string& name) {
    const auto row = std::ranges::find(kFormats, header.magic, &FormatRow::magic);
    if (header.version != row->version) {
        throw InputError(name, fmt::format("has the header of a {} token file, version {}; only "
                                           "version {} is read",
                                           row->name, header.version, row->version));
    }
    return row->format;
}

/// What the header leaves, checked against its count.
std::span<const std::byte> behind_header(std::span<const std::byte> bytes, const Header& header,
                                         const FormatRow& row, const std::string& name) {
    const auto rest = bytes.subspan(kHeaderBytes);
    if (header.count < 0 || static_cast<std::size_t>(header.count) * row.bytes != rest.size()) {
        throw InputError(name, fmt::format("says it holds {} {} tokens, but {} bytes follow its "
                                           "header",
                                           header.count, row.name, rest.size()));
    }
    return rest;
}

template <class T>
void widen(std::span<const std::byte> payload, std::int64_t first, std::span<std::int32_t> out) {
    const std::byte* from = payload.data() + static_cast<std::size_t>(first) * sizeof(T);
    for (auto& token : out) {
        T value{};
        std::memcpy(&value, from, sizeof(T));
        // An id beyond 31 bits stays beyond every vocabulary: as a negative number.
        token = static_cast<std::int32_t>(value);
        from += sizeof(T);
    }
}

/// Ids that may follow an id, and how often of 16.
constexpr std::array<int, 4> kOften{9, 4, 2, 1};
/// Tokens of a chain before it starts anew, so that any place is found without walking there.
constexpr std::int64_t kRun = 1024;

/// The id after `id`, drawn with `draw`.
std::int32_t successor(std::int64_t vocabulary, std::uint64_t seed, std::int32_t id,
                       std::uint64_t draw) {
    auto place = static_cast<int>(draw % 16);
    std::uint64_t choice = 0;
    while (place >= kOften[choice]) place -= kOften[choice++];
    const auto key = mix(seed, static_cast<std::uint64_t>(id) * kOften.size() + choice);
    return static_cast<std::int32_t>(key % static_cast<std::uint64_t>(vocabulary));
}

}  // namespace

TokenSource::TokenSource(const std::filesystem::path& file, TokenFormat format)
    : file_(file), payload_(file_->bytes()), format_(format) {
    const auto& name = file_->name();
    const auto header = format == TokenFormat::text ? std::nullopt : header_of(payload_);
    if (header) {
        const auto said = format_by_header(*header, name);
        if (format != TokenFormat::detect && format != said) {
            throw InputError(name, fmt::format("is a {} token file by its header, not {}",
                                               row_of(said).name, row_of(format).name));
        }
        format_ = said;
        payload_ = behind_header(payload_, *header, row_of(said), name);
    } else if (format == TokenFormat::detect) {
        format_ = file.extension() == ".bin" ? TokenFormat::u16 : TokenFormat::text;
    }
    const FormatRow& row = row_of(format_);
    if (payload_.size() % row.bytes != 0) {
        throw InputError(name, fmt::format("has {} bytes, which {} tokens do not fill evenly",
                                           payload_.size(), row.name));
    }
    size_ = static_cast<std::int64_t>(payload_.size() / row.bytes);
    description_ = format_ == TokenFormat::text
                       ? fmt::format("{}: text, {} bytes as tokens", name, with_thousands(size_))
                       : fmt::format("{}: {} {} tokens{}", name, with_thousands(size_), row.name,
                                     header ? " behind a header" : "");
}

TokenSource TokenSource::synthetic(std::int64_t vocabulary, std::uint64_t seed,
                                   std::int64_t count) {
    if (vocabulary < 1) {
        throw InputError("", fmt::format("a vocabulary of {} holds no token", vocabulary));
    }
    TokenSource source;
    source.chain_ = {.vocabulary = vocabulary, .seed = seed};
    source.size_ = count;
    source.description_ = fmt::format("synthetic: a random Markov chain over {} ids, seed {}",
                                      with_thousands(vocabulary), seed);
    return source;
}

std::string TokenSource::name() const { return file_ ? file_->name() : "synthetic tokens"; }

void TokenSource::read(std::int64_t first, std::span<std::int32_t> out) const {
    if (first < 0 || first > size_ - static_cast<std::int64_t>(out.size())) {
        throw InternalError(fmt::format("tokens {} + {} of {}", first, out.size(), size_));
    }
    if (!file_) return read_chain(first, out);
    switch (format_) {
        case TokenFormat::u16:
            return widen<std::uint16_t>(payload_, first, out);
        case TokenFormat::u32:
            return widen<std::uint32_t>(payload_, first, out);
        default:
            return widen<std::uint8_t>(payload_, first, out);
    }
}

void TokenSource::read_chain(std::int64_t first, std::span<std::int32_t> out) const {
    const auto [vocabulary, seed] = chain_;
    std::int64_t at = first / kRun * kRun;
    std::int32_t id = 0;
    for (; at < first + static_cast<std::int64_t>(out.size()); ++at) {
        const std::uint64_t draw = mix(~seed, static_cast<std::uint64_t>(at));
        id = at % kRun == 0
                 ? static_cast<std::int32_t>(draw % static_cast<std::uint64_t>(vocabulary))
                 : successor(vocabulary, seed, id, draw);
        if (at >= first) out[static_cast<std::size_t>(at - first)] = id;
    }
}

}  // namespace headroom
