#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <utility>

#include "planner/base/json.h"
#include "planner/import/model_source.h"

namespace headroom {
namespace {

constexpr std::int64_t kPrefix = 8;               ///< the length field before the header
constexpr std::int64_t kMaxHeader = 100'000'000;  ///< the format's own limit
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 53;

struct StorageRow {
    std::string_view name;
    int bits;
};

constexpr std::array kStorage{
    StorageRow{"BOOL", 8},    StorageRow{"U8", 8},      StorageRow{"I8", 8},
    StorageRow{"F8_E5M2", 8}, StorageRow{"F8_E4M3", 8}, StorageRow{"F8_E8M0", 8},
    StorageRow{"F4", 4},      StorageRow{"F6_E2M3", 6}, StorageRow{"F6_E3M2", 6},
    StorageRow{"I16", 16},    StorageRow{"U16", 16},    StorageRow{"F16", 16},
    StorageRow{"BF16", 16},   StorageRow{"I32", 32},    StorageRow{"U32", 32},
    StorageRow{"F32", 32},    StorageRow{"I64", 64},    StorageRow{"U64", 64},
    StorageRow{"F64", 64},    StorageRow{"C64", 64},
};

int bits_of(const JsonCursor& dtype) {
    for (const auto& [name, bits] : kStorage) {
        if (dtype.string() == name) return bits;
    }
    dtype.fail(fmt::format("{} is not a dtype of the format", quoted(dtype.value())));
}

/// Elements of a shape; throws when the product leaves the range of a real file.
std::int64_t elements_of(const JsonCursor& shape, std::vector<std::int64_t>& sizes) {
    std::int64_t product = 1;
    for (const auto& entry : shape.elements()) {
        const auto size = entry.integer(0, kMaxBytes);
        if (size != 0 && product > kMaxBytes / size) {
            shape.fail(fmt::format("describes more than {} elements", kMaxBytes));
        }
        product *= size;
        sizes.push_back(size);
    }
    return product;
}

StoredTensor tensor_from(const std::string& name, const JsonCursor& entry) {
    entry.only({"dtype", "shape", "data_offsets"});
    StoredTensor tensor{.name = name};
    const auto dtype = entry.at("dtype");
    const auto bits = bits_of(dtype);
    tensor.dtype = dtype.string();
    const auto count = elements_of(entry.at("shape"), tensor.shape);
    const auto offsets = entry.at("data_offsets");
    const auto pair = offsets.elements();
    if (pair.size() != 2) offsets.fail(fmt::format("has {} entries, must have 2", pair.size()));
    tensor.begin = pair[0].integer(0, kMaxBytes);
    tensor.end = pair[1].integer(0, kMaxBytes);
    const auto bytes = (count / 8) * bits + (count % 8 * bits + 7) / 8;
    if (tensor.end - tensor.begin != bytes) {
        offsets.fail(fmt::format("hold {} bytes, but {} elements of {} need {}",
                                 tensor.end - tensor.begin, count, tensor.dtype, bytes));
    }
    return tensor;
}

/// Turns entries into tensors while the text is parsed and drops each at once: a header of the
/// largest size never becomes a tree. Sees every key, so a repeated name cannot hide.
class HeaderReader {
public:
    explicit HeaderReader(std::string source) : source_(std::move(source)) {}

    bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
        if (depth > 4) throw InputError(source_, "the header is nested too deep");
        if (depth == 0) require_object(event);
        if (event == Json::parse_event_t::key) see_key(depth, parsed.get_ref<std::string&>());
        const bool entry_ends = depth == 1 && (event == Json::parse_event_t::object_end ||
                                               event == Json::parse_event_t::array_end ||
                                               event == Json::parse_event_t::value);
        if (!entry_ends) return true;
        take_entry(parsed);
        return false;
    }

    std::vector<StoredTensor> take() { return std::move(tensors_); }

private:
    void require_object(Json::parse_event_t event) const {
        if (event == Json::parse_event_t::array_start || event == Json::parse_event_t::value) {
            throw InputError(source_, "the header is not a JSON object");
        }
    }

    void see_key(int depth, const std::string& key) {
        if (depth == 1) {
            name_ = key;
            inner_.clear();
            if (names_.insert(key).second) return;
        } else if (depth != 2 || inner_.insert(key).second) {
            return;
        }
        throw InputError(source_, fmt::format("{} is named twice", quoted(Json(key))));
    }

    void take_entry(const Json& entry) {
        const JsonCursor cursor(entry, fmt::format("{}/{}", source_, name_));
        if (!cursor.is_object()) cursor.fail("must be an object, is " + quoted(entry));
        if (name_ != "__metadata__") tensors_.push_back(tensor_from(name_, cursor));
    }

    std::string source_;
    std::string name_{};
    std::set<std::string> names_{};
    std::set<std::string> inner_{};
    std::vector<StoredTensor> tensors_{};
};

std::int64_t little_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i) {
        value = (value << 8U) | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    }
    return value > static_cast<std::uint64_t>(kMaxBytes) ? kMaxBytes
                                                         : static_cast<std::int64_t>(value);
}

/// Length of the header after its prefix; `file_size` -1: unknown.
std::int64_t header_length(std::string_view bytes, std::int64_t file_size,
                           const std::string& source) {
    if (static_cast<std::int64_t>(bytes.size()) < kPrefix) {
        throw InputError(source, fmt::format("has {} bytes, a safetensors file starts with 8 bytes "
                                             "of header length",
                                             bytes.size()));
    }
    const auto length = little_endian(bytes);
    if (length == 0) throw InputError(source, "states a header of 0 bytes");
    if (length > kMaxHeader) {
        throw InputError(source, fmt::format("states a header of {} bytes or more, the limit is {}",
                                             length, kMaxHeader));
    }
    if (file_size >= 0 && length > file_size - kPrefix) {
        throw InputError(source, fmt::format("states a header of {} bytes, but is {} bytes long",
                                             length, file_size));
    }
    return length;
}

void check_layout(const std::vector<StoredTensor>& tensors, std::int64_t payload,
                  const std::string& source) {
    const StoredTensor* before = nullptr;
    for (const auto& tensor : tensors) {
        const auto name = quoted(Json(tensor.name));
        if (payload >= 0 && tensor.end > payload) {
            throw InputError(source, fmt::format("{} ends at byte {}, but the file holds {} bytes "
                                                 "of data",
                                                 name, tensor.end, payload));
        }
        if (before != nullptr && tensor.begin < before->end) {
            throw InputError(source, fmt::format("{} begins at byte {}, inside {}", name,
                                                 tensor.begin, quoted(Json(before->name))));
        }
        before = &tensor;
    }
}

std::vector<StoredTensor> parse_entries(std::string_view text, const std::string& source) {
    HeaderReader reader(source);
    try {
        const auto rest =
            Json::parse(text, [&](int depth, Json::parse_event_t event, Json& parsed) {
                return reader(depth, event, parsed);
            });
    } catch (const Json::parse_error& error) {
        throw InputError(source,
                         fmt::format("the header is not valid JSON at byte {}", error.byte));
    } catch (const Json::exception&) {
        throw InputError(source, "the header is not valid JSON");
    }
    return reader.take();
}

}  // namespace

std::vector<StoredTensor> parse_safetensors_header(std::string_view bytes, std::int64_t file_size,
                                                   const std::string& source) {
    const auto length = header_length(bytes, file_size, source);
    const auto text = bytes.substr(static_cast<std::size_t>(kPrefix));
    if (static_cast<std::int64_t>(text.size()) < length) {
        throw InputError(source, fmt::format("states a header of {} bytes, only {} are there",
                                             length, text.size()));
    }
    auto tensors = parse_entries(text.substr(0, static_cast<std::size_t>(length)), source);
    std::ranges::sort(tensors, [](const StoredTensor& a, const StoredTensor& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    check_layout(tensors, file_size < 0 ? -1 : file_size - kPrefix - length, source);
    return tensors;
}

std::vector<StoredTensor> read_safetensors_header(const std::filesystem::path& file) {
    const auto source = file.string();
    std::ifstream in(file, std::ios::binary);
    std::error_code failure;
    const auto size = static_cast<std::int64_t>(std::filesystem::file_size(file, failure));
    if (!in || failure) throw InputError(source, "cannot be opened");
    std::string bytes(static_cast<std::size_t>(std::min(kPrefix, size)), '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const auto length = header_length(bytes, size, source);
    bytes.resize(static_cast<std::size_t>(kPrefix + length));
    in.read(bytes.data() + kPrefix, static_cast<std::streamsize>(length));
    if (!in) throw InputError(source, "cannot be read");
    return parse_safetensors_header(bytes, size, source);
}

}  // namespace headroom
