#include "planner/base/written_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <system_error>

#include "planner/base/error.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& path, int reason) {
    throw InputError(path.string(),
                     "cannot be written: " + std::generic_category().message(reason));
}

/// An open file that is closed when it goes.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] bool open() const { return number_ >= 0; }
    /// 0, or the system's reason.
    [[nodiscard]] int write(std::string_view text) const {
        while (!text.empty()) {
            const auto count = ::write(number_, text.data(), text.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return errno;
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        return 0;
    }

private:
    int number_;
};

void write_in_place(const fs::path& path, std::string_view text) {
    const Descriptor out(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    const int failed = out.open() ? out.write(text) : errno;
    if (failed != 0) refuse(path, failed);
}

/// Writes a new file with the permissions of the one it will replace.
int write_new(const fs::path& path, const fs::path& replaced, std::string_view text) {
    const Descriptor out(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!out.open()) return errno;
    std::error_code failure;
    const fs::file_status before = fs::status(replaced, failure);
    if (fs::is_regular_file(before)) fs::permissions(path, before.permissions(), failure);
    return out.write(text);
}

void replace(const fs::path& path, std::string_view text) {
    fs::path temporary = path;
    temporary += fmt::format(".{}.tmp", ::getpid());
    int failed = write_new(temporary, path, text);
    if (failed == 0 && ::rename(temporary.c_str(), path.c_str()) == 0) return;
    if (failed == 0) failed = errno;
    ::unlink(temporary.c_str());
    refuse(path, failed);
}

void write_standard_output(std::string_view text) {
    std::cout.write(text.data(), static_cast<std::streamsize>(text.size()));
    std::cout.flush();
    if (!std::cout) throw InputError("standard output", "cannot be written");
}

/// Where a chain of links ends, whether or not something is there.
fs::path target_of(const fs::path& path) {
    constexpr int kMostLinks = 40;  // as many as the system follows
    std::error_code failure;
    fs::path target = path;
    for (int i = 0; i < kMostLinks && fs::is_symlink(target, failure); ++i) {
        target = target.parent_path() / fs::read_symlink(target, failure);
    }
    return target;
}

bool is_device(const fs::path& path) {
    std::error_code failure;
    const fs::file_status status = fs::status(path, failure);
    return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

}  // namespace

void write_file_atomically(const fs::path& path, std::string_view text) {
    if (path == "-") return write_standard_output(text);
    if (is_device(path)) return write_in_place(path, text);
    replace(target_of(path), text);
}

fs::path file_to_write(const fs::path& path) {
    fs::path target = target_of(path);
    std::error_code failure;
    if (fs::is_directory(target, failure)) refuse(path, EISDIR);
    if (is_device(target)) throw InputError(path.string(), "is no regular file");
    return target;
}

void require_writable(const fs::path& path) {
    if (path.empty() || path == "-" || is_device(path)) return;
    const fs::path target = target_of(path);
    std::error_code failure;
    if (fs::is_directory(target, failure)) refuse(path, EISDIR);
    const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
    if (!fs::is_directory(folder, failure)) refuse(path, failure ? failure.value() : ENOTDIR);
    if (::access(folder.c_str(), W_OK) != 0) refuse(path, errno);
}

}  // namespace headroom
