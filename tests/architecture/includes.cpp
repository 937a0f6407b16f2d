#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "tests/architecture/source_tree.h"
#include "tests/support/catch.h"

using namespace headroom::architecture;

namespace {

const std::filesystem::path kRoot = HEADROOM_SOURCE;
constexpr std::ptrdiff_t kLinesAllowed = 400;

BoxTable project_boxes() { return box_table(read_text(kRoot / "CMakeLists.txt")); }

}  // namespace

TEST_CASE("IncludesRespectTheBoxTable") {
    const auto table = project_boxes();
    REQUIRE(table.size() >= 9);
    const auto files = source_files(kRoot);
    REQUIRE(files.size() > 20);
    for (const auto& file : files) {
        for (const auto& sentence : box_violations(file, table)) FAIL_CHECK(sentence);
    }
}

TEST_CASE("TheBoxTableHasTheDesignsDirections") {
    const auto table = project_boxes();
    CHECK(table.at("base") == std::set<std::string>{"base"});
    CHECK(table.at("spec") == std::set<std::string>{"base", "spec"});
    for (const auto* low : {"step", "technique", "lower", "cost"}) {
        INFO(low);
        CHECK_FALSE(table.at(low).contains("import"));
        CHECK_FALSE(table.at(low).contains("plan"));
        CHECK_FALSE(table.at(low).contains("search"));
    }
    CHECK_FALSE(table.at("lower").contains("cost"));
    CHECK_FALSE(table.at("cost").contains("lower"));
    CHECK(table.at("plan").contains("cost"));
    CHECK(table.at("search").contains("plan"));
}

TEST_CASE("AForbiddenIncludeIsFound") {
    const auto table = box_table("headroom_box(base)\nheadroom_box(spec base)\n");
    const auto verdicts = [&](std::string path, std::string text) {
        return box_violations({std::move(path), std::move(text)}, table).size();
    };
    CHECK(verdicts("planner/base/a.h", "#include \"planner/spec/b.h\"\n") == 1);
    CHECK(verdicts("planner/base/a.h", "#include \"a.h\"\n") == 1);
    CHECK(verdicts("planner/spec/b.h", "  #include \"planner/base/a.h\"\n#include <map>\n") == 0);
    CHECK(verdicts("planner/other/c.h", "") == 1);
    CHECK_THROWS(box_table("headroom_box(base spec)\nheadroom_box(spec base)\n"));
    CHECK(library_violations({"planner/step/a.cpp", "#include <thread>\n"}).size() == 1);
    CHECK(library_violations({"planner/search/a.cpp", "#include <thread>\n"}).empty());
}

TEST_CASE("LibrariesStayInTheirPlaces") {
    for (const auto& file : source_files(kRoot)) {
        for (const auto& sentence : library_violations(file)) FAIL_CHECK(sentence);
    }
}

TEST_CASE("FilesStayWithinTheirSize") {
    for (const auto& file : source_files(kRoot)) {
        const auto lines = std::ranges::count(file.text, '\n');
        INFO(file.path << " has " << lines << " lines; split it");
        CHECK(lines <= kLinesAllowed);
    }
}

TEST_CASE("NoFileIsCalledUtils") {
    const std::set<std::string> empty_words{"util",   "utils",   "utility", "common",
                                            "helper", "helpers", "misc"};
    for (const auto& file : source_files(kRoot)) {
        for (const auto& part : std::filesystem::path(file.path)) {
            INFO(file.path);
            CHECK_FALSE(empty_words.contains(part.stem().string()));
        }
    }
}
