#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "runtime/data/mapped_file.h"

namespace headroom {

/// How tokens lie in a file. detect: by the magic number that llm.c writes at the start, else by
/// the name (".bin": raw 16-bit tokens as nanoGPT writes them), else text.
enum class TokenFormat { detect, text, u16, u32 };

/// A long row of tokens: the bytes of a text, a file of 16- or 32-bit tokens (little-endian, raw or
/// behind llm.c's header), or tokens made up on demand.
class TokenSource {
public:
    /// Throws InputError when the file cannot be read or is not what the format says.
    explicit TokenSource(const std::filesystem::path& file,
                         TokenFormat format = TokenFormat::detect);
    /// `count` tokens of a random Markov chain over `vocabulary` ids: after each id one of a few
    /// others follows, some oftener, so there is something to learn and a floor to the loss.
    static TokenSource synthetic(std::int64_t vocabulary, std::uint64_t seed,
                                 std::int64_t count = std::int64_t{1} << 40);

    [[nodiscard]] std::int64_t size() const { return size_; }
    /// Tokens first .. first + out.size(), which must be there.
    void read(std::int64_t first, std::span<std::int32_t> out) const;
    /// One line: which source this is.
    [[nodiscard]] const std::string& description() const { return description_; }
    /// What error sentences begin with: the file's name.
    [[nodiscard]] std::string name() const;

private:
    struct Chain {
        std::int64_t vocabulary = 0;
        std::uint64_t seed = 0;
    };
    TokenSource() = default;
    void read_chain(std::int64_t first, std::span<std::int32_t> out) const;

    std::optional<MappedFile> file_{};
    std::span<const std::byte> payload_{};
    TokenFormat format_ = TokenFormat::text;
    Chain chain_{};
    std::int64_t size_ = 0;
    std::string description_{};
};

}  // namespace headroom
