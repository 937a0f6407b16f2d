#include "planner/base/json.h"

#include <string>

#include "tests/support/catch.h"

using namespace headroom;

namespace {

/// What is said about a text that is no document.
std::string refusal(const std::string& text) {
    try {
        parse_json(text, "a.json");
    } catch (const InputError& error) {
        return error.what();
    }
    return {};
}

}  // namespace

TEST_CASE("AKeyThatAnObjectHasTwiceIsRefused") {
    CHECK(refusal(R"({"a": 1, "b": 2, "a": 1})") == "a.json#/a: is given twice");
    CHECK(refusal(R"({"train": {"sequence": 1}, "train": {}})") == "a.json#/train: is given twice");
    CHECK(refusal(R"({"a": {"x": 0, "y": {"z": [1], "z": 2}}})") ==
          "a.json#/a/y/z: is given twice");
    CHECK(refusal(R"([{"a": 1}, 5, [], {"b": [{}, {"c/d": 1, "c/d": 2}]}])") ==
          "a.json#/3/b/1/c~1d: is given twice");
    CHECK(refusal(R"({"a": 1, "\u0061": 2})") == "a.json#/a: is given twice");
}

TEST_CASE("OneKeyInManyObjectsIsNoRepetition") {
    CHECK(refusal(R"({"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}, {}]})").empty());
}

TEST_CASE("ADocumentThatIsNestedTooDeepIsRefused") {
    const std::string deep(100, '[');
    CHECK(refusal(deep + std::string(100, ']')) == "a.json: nested deeper than 64 levels");
    CHECK(refusal(std::string(60, '[') + std::string(60, ']')).empty());
    CHECK(refusal(R"({"a": )") == "a.json: not valid JSON at byte 7");
}
