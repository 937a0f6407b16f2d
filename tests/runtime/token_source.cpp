#include "runtime/data/token_source.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "planner/base/error.h"
#include "runtime/data/token_batches.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

template <class T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// A token file behind llm.c's header of 256 words.
template <class T>
std::string headed(std::int32_t magic, std::int32_t version, std::int32_t count,
                   const std::vector<T>& tokens) {
    std::vector<std::int32_t> header(256);
    header[0] = magic;
    header[1] = version;
    header[2] = count;
    return bytes_of(header) + bytes_of(tokens);
}

std::vector<std::int32_t> all_of(const TokenSource& source) {
    std::vector<std::int32_t> out(static_cast<std::size_t>(source.size()));
    source.read(0, out);
    return out;
}

std::string sentence(const auto& action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

struct Batch {
    std::vector<std::int32_t> tokens{};
    std::vector<std::int32_t> targets{};
    bool operator==(const Batch&) const = default;
};

Batch batch_of(const TokenBatches& batches, const BatchSpec& spec, std::int64_t step,
               std::int64_t micro_step) {
    const auto count = static_cast<std::size_t>(spec.batch * spec.sequence);
    Batch batch{std::vector<std::int32_t>(count), std::vector<std::int32_t>(count)};
    batches.fill(step, micro_step, batch.tokens, batch.targets);
    return batch;
}

}  // namespace

TEST_CASE("ATextsBytesAreItsTokens") {
    const TemporaryFolder folder("text");
    folder.write("a.txt", "Caf\xC3\xA9");
    const TokenSource source(folder.path("a.txt"));
    CHECK(all_of(source) == std::vector<std::int32_t>{'C', 'a', 'f', 0xC3, 0xA9});
    CHECK(source.description() == folder.path("a.txt").string() + ": text, 5 bytes as tokens");
}

TEST_CASE("TokenFilesAreReadWithAndWithoutAHeader") {
    const TemporaryFolder folder("tokens");
    const std::vector<std::uint16_t> narrow{0, 1, 65535, 7};
    const std::vector<std::uint32_t> wide{0, 1, 128255, 7};
    const std::vector<std::int32_t> narrow_ids{0, 1, 65535, 7};
    const std::vector<std::int32_t> wide_ids{0, 1, 128255, 7};
    folder.write("raw.bin", bytes_of(narrow));
    folder.write("narrow.bin", headed(20240520, 1, 4, narrow));
    folder.write("wide.bin", headed(20240801, 7, 4, wide));
    folder.write("wide.raw", bytes_of(wide));
    CHECK(all_of(TokenSource(folder.path("raw.bin"))) == narrow_ids);
    CHECK(all_of(TokenSource(folder.path("narrow.bin"))) == narrow_ids);
    CHECK(all_of(TokenSource(folder.path("wide.bin"))) == wide_ids);
    CHECK(all_of(TokenSource(folder.path("wide.raw"), TokenFormat::u32)) == wide_ids);
    CHECK(TokenSource(folder.path("wide.bin")).description() ==
          folder.path("wide.bin").string() + ": 4 32-bit tokens behind a header");
    CHECK(TokenSource(folder.path("raw.bin")).description() ==
          folder.path("raw.bin").string() + ": 4 16-bit tokens");
}

TEST_CASE("ATokenFileThatContradictsItselfIsRefusedInOneSentence") {
    const TemporaryFolder folder("bad-tokens");
    const std::vector<std::uint16_t> tokens{1, 2, 3};
    const auto path = folder.path("x.bin");
    const auto says = [&](const std::string& text, TokenFormat format) {
        folder.write("x.bin", text);
        return sentence([&] { TokenSource{path, format}; }).substr(path.string().size());
    };
    const auto detect = TokenFormat::detect;
    CHECK(says(headed(20240520, 2, 3, tokens), detect) ==
          ": has the header of a 16-bit token file, version 2; only version 1 is read");
    CHECK(says(headed(20240520, 1, 4, tokens), detect) ==
          ": says it holds 4 16-bit tokens, but 6 bytes follow its header");
    CHECK(says(headed(20240520, 1, -1, tokens), detect) ==
          ": says it holds -1 16-bit tokens, but 6 bytes follow its header");
    CHECK(says(headed(20240520, 1, 3, tokens), TokenFormat::u32) ==
          ": is a 16-bit token file by its header, not 32-bit");
    CHECK(says("abc", detect) == ": has 3 bytes, which 16-bit tokens do not fill evenly");
    CHECK(sentence([&] {
              TokenSource{folder.path("none")};
          }).ends_with("none: cannot be opened: No such file or directory"));
    CHECK(sentence([&] { TokenSource{folder.root()}; }).ends_with(": is not a file"));
}

TEST_CASE("AFileWithoutAWholeWindowIsRefused") {
    const TemporaryFolder folder("short");
    folder.write("a.txt", "12345678");
    folder.write("empty.txt", "");
    const TokenSource source(folder.path("a.txt"));
    CHECK_NOTHROW(TokenBatches(source, {.sequence = 7, .vocabulary = 256}));
    CHECK(sentence([&] { TokenBatches(source, {.sequence = 8, .vocabulary = 256}); }) ==
          folder.path("a.txt").string() +
              ": holds 8 tokens, a sequence of 8 and the token after it need 9");
    const TokenSource empty(folder.path("empty.txt"));
    CHECK_THROWS_AS(TokenBatches(empty, {.sequence = 1, .vocabulary = 256}), InputError);
}

TEST_CASE("AnIdBeyondTheVocabularyIsNamedWithItsPlace") {
    const TemporaryFolder folder("vocabulary");
    std::vector<std::uint32_t> ids{0, 1, 2, 3, 4, 5, 6, 7, 8};
    const auto says = [&](std::size_t place, std::uint32_t id) {
        auto changed = ids;
        changed[place] = id;
        folder.write("x.bin", headed(20240801, 7, 9, changed));
        const TokenSource source(folder.path("x.bin"));
        const BatchSpec spec{.batch = 2, .sequence = 4, .vocabulary = 100};
        const TokenBatches batches(source, spec);
        return sentence([&] { batch_of(batches, spec, 0, 0); });
    };
    const auto file = folder.path("x.bin").string();
    CHECK(says(5, 100) == file + ": token 5 is 100, the model's vocabulary holds 100 ids");
    CHECK(says(8, 4294967295U) ==
          file + ": token 8 is 4294967295, the model's vocabulary holds 100 ids");
    CHECK(says(0, 99) == "no error");
}

TEST_CASE("TargetsAreTheTokensThatFollow") {
    const TemporaryFolder folder("targets");
    std::vector<std::uint16_t> ids(101);
    std::iota(ids.begin(), ids.end(), std::uint16_t{0});
    folder.write("x.bin", bytes_of(ids));
    const TokenSource source(folder.path("x.bin"));
    const BatchSpec spec{.batch = 3, .sequence = 10, .vocabulary = 101};
    const TokenBatches batches(source, spec);
    CHECK(batches.windows() == 10);
    for (std::int64_t step = 0; step < 7; ++step) {
        const Batch batch = batch_of(batches, spec, step, 0);
        for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
            CHECK(batch.targets[i] == batch.tokens[i] + 1);
            CHECK(batch.tokens[i] % 10 == static_cast<std::int32_t>(i % 10));
        }
    }
}

TEST_CASE("EveryPassReadsEveryWindowOnceInItsOwnOrder") {
    const TokenSource source = TokenSource::synthetic(50, 1, 4 * 37 + 1);
    std::vector<std::int32_t> tokens(4);
    std::vector<std::int32_t> targets(4);
    std::set<std::vector<std::int64_t>> orders;
    for (std::uint64_t pass = 0; pass < 3; ++pass) {
        std::vector<std::int64_t> order;
        for (std::int64_t i = 0; i < 37; ++i) order.push_back(shuffled(i, 37, pass));
        orders.insert(order);
        CHECK(std::set<std::int64_t>(order.begin(), order.end()).size() == 37);
        CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
    }
    CHECK(orders.size() == 3);
    for (const std::int64_t count : {1, 2, 3, 4, 5, 16, 17, 1000}) {
        std::set<std::int64_t> places;
        for (std::int64_t i = 0; i < count; ++i) places.insert(shuffled(i, count, 9));
        CHECK(static_cast<std::int64_t>(places.size()) == count);
        CHECK(*places.rbegin() == count - 1);
    }
    const TokenBatches batches(source, {.batch = 1, .sequence = 4, .vocabulary = 50, .seed = 3});
    CHECK(batches.windows() == 37);
    CHECK(batches.passes(74) == Approx(2.0));
}

TEST_CASE("ABatchFollowsFromSeedStepAndMicroStepAlone") {
    const TokenSource source = TokenSource::synthetic(50, 1, 5000);
    BatchSpec spec{.batch = 2, .sequence = 16, .micro_steps = 3, .vocabulary = 50, .seed = 11};
    const TokenBatches first(source, spec);
    std::vector<Batch> run;
    for (std::int64_t step = 0; step < 4; ++step) {
        for (std::int64_t micro = 0; micro < 3; ++micro)
            run.push_back(batch_of(first, spec, step, micro));
    }
    const TokenBatches resumed(source, spec);
    CHECK(batch_of(resumed, spec, 2, 1) == run[7]);
    CHECK(run[0] != run[1]);
    // The same sequences, whether a step reads them in micro-steps, in one batch or on three ranks.
    spec.micro_steps = 1;
    spec.batch = 6;
    const Batch whole = batch_of(TokenBatches(source, spec), spec, 1, 0);
    spec.batch = 2;
    spec.ranks = 3;
    for (spec.rank = 0; spec.rank < 3; ++spec.rank) {
        const Batch part = batch_of(TokenBatches(source, spec), spec, 1, 0);
        CHECK(part == run[static_cast<std::size_t>(3 + spec.rank)]);
        CHECK(std::equal(part.tokens.begin(), part.tokens.end(),
                         whole.tokens.begin() + spec.rank * 32));
    }
    spec.rank = 0;
    spec.seed = 12;
    CHECK(batch_of(TokenBatches(source, spec), spec, 0, 0) != run[0]);
}

TEST_CASE("SyntheticTokensAreAChainThatCanBeLearned") {
    const TokenSource source = TokenSource::synthetic(64, 5);
    const TokenSource again = TokenSource::synthetic(64, 5);
    std::vector<std::int32_t> ids(100'000);
    source.read(0, ids);
    std::vector<std::int32_t> middle(3000);
    again.read(70'123, middle);
    CHECK(std::equal(middle.begin(), middle.end(), ids.begin() + 70'123));
    std::map<std::pair<int, int>, double> pairs;
    std::map<int, double> singles;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
        ++pairs[{ids[i], ids[i + 1]}];
        ++singles[ids[i]];
    }
    // Knowing the last id leaves far less to guess than knowing only how often ids come.
    double alone = 0.0;
    double after = 0.0;
    const auto total = static_cast<double>(ids.size() - 1);
    for (const auto& [id, count] : singles) alone -= count / total * std::log(count / total);
    for (const auto& [pair, count] : pairs)
        after -= count / total * std::log(count / singles[pair.first]);
    CHECK(after < 1.3);
    CHECK(after > 0.8);
    CHECK(alone > 2.0 * after);
    std::vector<std::int32_t> other(1000);
    TokenSource::synthetic(64, 6).read(0, other);
    CHECK_FALSE(std::equal(other.begin(), other.end(), ids.begin()));
    CHECK(source.description() == "synthetic: a random Markov chain over 64 ids, seed 5");
    CHECK_THROWS_AS(TokenSource::synthetic(0, 1), InputError);
}
