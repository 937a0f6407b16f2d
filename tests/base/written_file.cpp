#include "planner/base/written_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "planner/base/error.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

namespace fs = std::filesystem;

/// A folder that is gone when the test ends.
struct Folder {
    fs::path path = fs::temp_directory_path() / ("headroom-written-" + std::to_string(::getpid()));
    Folder() { fs::create_directories(path); }
    ~Folder() { fs::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
};

std::string text_of(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("AFileIsReplacedAndKeepsItsPermissions") {
    const Folder folder;
    const fs::path file = folder.path / "a.json";
    const auto private_to_its_owner = fs::perms::owner_read | fs::perms::owner_write;
    write_file_atomically(file, "one");
    fs::permissions(file, private_to_its_owner);
    write_file_atomically(file, "two");
    CHECK(text_of(file) == "two");
    CHECK(fs::status(file).permissions() == private_to_its_owner);
    CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);
}

TEST_CASE("WhatALinkPointsToIsWrittenAndNotTheLink") {
    const Folder folder;
    write_file_atomically(folder.path / "real", "one");
    fs::create_symlink("real", folder.path / "link");
    fs::create_symlink("nothing", folder.path / "loose");
    write_file_atomically(folder.path / "link", "two");
    write_file_atomically(folder.path / "loose", "three");
    CHECK(fs::is_symlink(folder.path / "link"));
    CHECK(text_of(folder.path / "real") == "two");
    CHECK(text_of(folder.path / "nothing") == "three");
}

TEST_CASE("APipeIsWrittenToAndStaysOne") {
    const Folder folder;
    const fs::path pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::fstream reader(pipe, std::ios::in | std::ios::out);  // neither end waits for the other
    write_file_atomically(pipe, "text\n");
    std::string line;
    std::getline(reader, line);
    CHECK(line == "text");
    CHECK(fs::is_fifo(pipe));
    CHECK_THROWS_AS(file_to_write(pipe), InputError);
}

TEST_CASE("WhatCannotBeWrittenIsToldBeforeTheWork") {
    const Folder folder;
    CHECK_NOTHROW(require_writable(folder.path / "new"));
    CHECK_NOTHROW(require_writable("-"));
    CHECK_THROWS_AS(require_writable(folder.path), InputError);
    CHECK_THROWS_AS(require_writable(folder.path / "none" / "new"), InputError);
    CHECK_THROWS_AS(write_file_atomically(folder.path / "none" / "new", ""), InputError);
    CHECK_FALSE(fs::exists(folder.path / "new"));
}
