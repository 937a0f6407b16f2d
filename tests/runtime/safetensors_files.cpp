#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "runtime/data/convert.h"
#include "runtime/data/safetensors_reader.h"
#include "runtime/data/safetensors_writer.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

std::string sentence(const auto& action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

template <class T>
std::span<const std::byte> bytes_in(const std::vector<T>& values) {
    return std::as_bytes(std::span(values));
}

template <class T>
std::vector<T> values_of(std::span<const std::byte> bytes) {
    std::vector<T> out(bytes.size() / sizeof(T));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
}

/// Writes one tensor a row of `entries`, filled with its number.
void write_numbered(const std::filesystem::path& path, const std::vector<TensorEntry>& entries) {
    SafetensorsWriter writer(path, entries);
    float number = 1.0F;
    for (const auto& entry : entries) {
        std::size_t count = 1;
        for (const auto extent : entry.shape) count *= static_cast<std::size_t>(extent);
        writer.write(bytes_in(std::vector<float>(count, number)));
        number += 1.0F;
    }
    writer.finish();
}

void write_index(const TemporaryFolder& folder,
                 const std::vector<std::pair<std::string, std::string>>& places) {
    Json index;
    index["metadata"]["total_size"] = 4;
    for (const auto& [tensor, file] : places) index["weight_map"][tensor] = file;
    folder.write("model.safetensors.index.json", index.dump());
}

}  // namespace

TEST_CASE("WhatIsWrittenInPiecesIsReadBack") {
    const TemporaryFolder folder("pieces");
    const auto path = folder.path("x.safetensors");
    const std::vector<float> a{1.0F, -2.5F, 3.0F, 4.0F, 5.0F, 6.0F};
    const std::vector<std::uint8_t> b{7, 8, 9};
    SafetensorsWriter writer(
        path, {{"odd", DType::u8, {3}}, {"a", DType::f32, {2, 3}}, {"scalar", DType::f64, {}}},
        {{"format", "pt"}, {"note", "a \"quoted\" word"}});
    writer.write(bytes_in(b));
    writer.write(bytes_in(a).first(5));
    writer.write(bytes_in(a).subspan(5));
    writer.write(bytes_in(std::vector<double>{0.25}));
    CHECK_FALSE(std::filesystem::exists(path));
    writer.finish();
    CHECK_FALSE(std::filesystem::exists(path.string() + ".tmp"));
    const SafetensorsFile file(path);
    REQUIRE(file.find("a") != nullptr);
    CHECK(file.find("a")->shape == std::vector<std::int64_t>{2, 3});
    CHECK(file.find("a")->dtype == "F32");
    CHECK(values_of<float>(file.bytes(*file.find("a"))) == a);
    CHECK(values_of<std::uint8_t>(file.bytes(*file.find("odd"))) == b);
    CHECK(values_of<double>(file.bytes(*file.find("scalar"))) == std::vector<double>{0.25});
    CHECK(file.find("b") == nullptr);
    CHECK(file.tensors().size() == 3);
    CHECK(file.metadata() ==
          std::map<std::string, std::string>{{"format", "pt"}, {"note", "a \"quoted\" word"}});
    CHECK(std::filesystem::file_size(path) == static_cast<std::uintmax_t>(writer.size()));
    // The format wants the data to begin on a multiple of 8.
    std::uint64_t header = 0;
    std::memcpy(&header, MappedFile(path).bytes().data(), sizeof(header));
    CHECK(header % 8 == 0);
}

TEST_CASE("AFileThatIsNotFinishedLeavesTheOldOne") {
    const TemporaryFolder folder("unfinished");
    const auto path = folder.path("x.safetensors");
    write_numbered(path, {{"old", DType::f32, {2}}});
    {
        SafetensorsWriter writer(path, {{"new", DType::f32, {2}}});
        writer.write(bytes_in(std::vector<float>{1.0F}));
        CHECK_THROWS_AS(writer.finish(), InternalError);
    }
    CHECK(SafetensorsFile(path).find("old") != nullptr);
    CHECK_FALSE(std::filesystem::exists(path.string() + ".tmp"));
    CHECK_THROWS_AS(SafetensorsWriter(path, {{"a", DType::f32, {1}}, {"a", DType::f32, {1}}}),
                    InternalError);
    CHECK(sentence([&] {
              SafetensorsWriter(folder.path("none") / "x", {});
          }).ends_with("none/x: cannot be written: No such file or directory"));
}

TEST_CASE("AFullDiskIsOneSentence") {
    if (!std::filesystem::exists("/dev/full")) return;
    const TemporaryFolder folder("full");
    std::filesystem::create_symlink("/dev/full", folder.path("x.tmp"));
    CHECK(sentence([&] {
              write_numbered(folder.path("x"), {{"a", DType::f32, {4}}});
          }) == folder.path("x").string() + ": cannot be written: No space left on device");
    CHECK_FALSE(std::filesystem::exists(folder.path("x")));
}

TEST_CASE("EmptyTensorsAndFilesAreFine") {
    const TemporaryFolder folder("nothing");
    write_numbered(folder.path("a"), {{"none", DType::f32, {0, 4}}});
    const SafetensorsFile file(folder.path("a"));
    CHECK(file.bytes(*file.find("none")).empty());
    SafetensorsWriter(folder.path("b"), {}, {}).finish();
    CHECK(SafetensorsFile(folder.path("b")).tensors().empty());
    CHECK(SafetensorsFile(folder.path("b")).metadata().empty());
}

TEST_CASE("ShardsAreFollowedAndNamedWhenTheyAreWrong") {
    const TemporaryFolder folder("shards");
    write_numbered(folder.path("one.safetensors"),
                   {{"a", DType::f32, {2}}, {"b", DType::f32, {1}}});
    write_numbered(folder.path("two.safetensors"), {{"c", DType::f32, {3}}});
    write_index(folder,
                {{"a", "one.safetensors"}, {"b", "one.safetensors"}, {"c", "two.safetensors"}});
    for (const auto& path : {folder.root(), folder.path("model.safetensors.index.json")}) {
        const WeightFiles files(path);
        CHECK(files.all().size() == 3);
        const auto* c = files.find("c");
        REQUIRE(c != nullptr);
        CHECK(c->file->name() == folder.path("two.safetensors").string());
        CHECK(values_of<float>(c->file->bytes(*c->tensor)) == std::vector<float>(3, 1.0F));
        CHECK(files.find("d") == nullptr);
    }
    const auto says = [&] { return sentence([&] { WeightFiles{folder.root()}; }); };
    write_index(folder, {{"a", "one.safetensors"}, {"d", "two.safetensors"}});
    CHECK(says() ==
          folder.path("two.safetensors").string() + ": lacks \"d\", which the index places there");
    write_index(folder, {{"a", "gone.safetensors"}});
    CHECK(says().ends_with("gone.safetensors: cannot be opened: No such file or directory"));
    write_index(folder, {{"a", "../one.safetensors"}});
    CHECK(says().ends_with("must be the name of a file beside the index"));
    write_numbered(folder.path("two.safetensors"), {{"a", DType::f32, {3}}});
    write_index(folder, {{"b", "one.safetensors"}, {"a", "two.safetensors"}});
    CHECK(says().ends_with("two.safetensors: \"a\" is in more than one shard"));
    const TemporaryFolder bare("bare");
    CHECK(sentence([&] { WeightFiles{bare.root()}; }) ==
          bare.root().string() +
              ": holds neither model.safetensors nor model.safetensors.index.json");
}

TEST_CASE("ATruncatedFileIsRefused") {
    const TemporaryFolder folder("cut");
    write_numbered(folder.path("x"), {{"a", DType::f32, {64}}});
    std::filesystem::resize_file(folder.path("x"),
                                 std::filesystem::file_size(folder.path("x")) - 1);
    CHECK(sentence([&] {
              SafetensorsFile{folder.path("x")};
          }).ends_with("\"a\" ends at byte 256, but the file holds 255 bytes of data"));
    folder.write("empty", "");
    CHECK_THROWS_AS(SafetensorsFile(folder.path("empty")), InputError);
}

TEST_CASE("NumbersKeepTheirValueWhereTheTargetHasIt") {
    const std::vector<float> exact{
        0.0F, -0.0F, 1.0F, -1.5F, 0.0078125F, 240.0F, std::numeric_limits<float>::infinity()};
    for (const auto dtype : {DType::f64, DType::f32, DType::bf16, DType::f16}) {
        INFO(name(dtype));
        std::vector<std::byte> there(static_cast<std::size_t>(bytes_of(7, dtype)));
        std::vector<float> back(7);
        convert(bytes_in(exact), DType::f32, there, dtype);
        convert(there, dtype, std::as_writable_bytes(std::span(back)), DType::f32);
        CHECK(std::memcmp(back.data(), exact.data(), 28) == 0);
    }
    const std::vector<double> third{1.0 / 3.0};
    std::vector<double> same(1);
    convert(bytes_in(third), DType::f64, std::as_writable_bytes(std::span(same)), DType::f64);
    CHECK(same == third);
}

TEST_CASE("NumbersAreRoundedToNearestEven") {
    // Ties at the last place of bf16 (8 bits of significand) and f16 (11 bits).
    const std::vector<float> values{1.00390625F,    1.01171875F, 1.00048828125F,
                                    1.00146484375F, 65519.0F,    65520.0F};
    const auto through = [&](DType dtype) {
        std::vector<std::byte> there(static_cast<std::size_t>(bytes_of(6, dtype)));
        std::vector<float> back(6);
        convert(bytes_in(values), DType::f32, there, dtype);
        convert(there, dtype, std::as_writable_bytes(std::span(back)), DType::f32);
        return back;
    };
    const auto bf16 = through(DType::bf16);
    CHECK(bf16[0] == 1.0F);
    CHECK(bf16[1] == 1.015625F);
    const auto f16 = through(DType::f16);
    CHECK(f16[2] == 1.0F);
    CHECK(f16[3] == 1.001953125F);
    CHECK(f16[4] == 65504.0F);
    CHECK(std::isinf(f16[5]));
}

TEST_CASE("BytesNeedNoAlignmentAndMustMatchInNumber") {
    const std::vector<float> values{1.5F, -2.0F};
    std::vector<std::byte> shifted(9);
    std::memcpy(shifted.data() + 1, values.data(), 8);
    std::vector<std::byte> out(5);
    convert(std::span(shifted).subspan(1), DType::f32, std::span(out).subspan(1), DType::bf16);
    std::vector<float> back(2);
    convert(std::span(out).subspan(1), DType::bf16, std::as_writable_bytes(std::span(back)),
            DType::f32);
    CHECK(back == values);
    CHECK_THROWS_AS(convert(bytes_in(values), DType::f32, std::span(out), DType::bf16),
                    InternalError);
    CHECK_THROWS_AS(
        convert(bytes_in(values), DType::i32, std::as_writable_bytes(std::span(back)), DType::f32),
        InternalError);
}
