#include "runtime/data/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "planner/base/error.h"
#include "planner/base/written_file.h"

namespace headroom {
namespace {

/// A single call writes at most 2 GiB.
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;

}  // namespace

DurableFile::DurableFile(const std::filesystem::path& path)
    : path_(file_to_write(path)), temporary_(path_.string() + ".tmp") {
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail();
}

DurableFile::~DurableFile() {
    if (descriptor_ < 0) return;
    close();
    ::unlink(temporary_.c_str());
}

void DurableFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kMostAtOnce));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail();
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

void DurableFile::commit() {
    if (::fsync(descriptor_) != 0) fail();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    close();
    sync_folder();
}

void DurableFile::sync_folder() const {
    const auto folder = path_.has_parent_path() ? path_.parent_path().string() : std::string(".");
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail();
    const bool done = ::fsync(descriptor) == 0;
    const int reason = errno;
    ::close(descriptor);
    errno = reason;
    // Some file systems have no such call for a folder: there, the rename is all there is.
    if (!done && reason != EINVAL) fail();
}

void DurableFile::close() {
    ::close(descriptor_);
    descriptor_ = -1;
}

void DurableFile::fail() const {
    throw InputError(path_.string(), std::string("cannot be written: ") + std::strerror(errno));
}

}  // namespace headroom
