#include "runtime/data/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "planner/base/error.h"

namespace headroom {
namespace {

/// Maps an open file; nothing for an empty one.
const std::byte* map(int descriptor, std::size_t size, const std::string& name) {
    if (size == 0) return nullptr;
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
        throw InputError(name, std::string("cannot be mapped: ") + std::strerror(errno));
    }
    return static_cast<const std::byte*>(data);
}

/// Closes at the end of a scope: a mapping outlives its descriptor.
struct Descriptor {
    int value = -1;
    ~Descriptor() {
        if (value >= 0) ::close(value);
    }
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : name_(path.string()) {
    const Descriptor file{::open(name_.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat status {};
    if (file.value < 0 || ::fstat(file.value, &status) != 0) {
        throw InputError(name_, std::string("cannot be opened: ") + std::strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) throw InputError(name_, "is not a file");
    size_ = static_cast<std::size_t>(status.st_size);
    data_ = map(file.value, size_, name_);
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : name_(std::move(other.name_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

}  // namespace headroom
