#include "runtime/data/safetensors_reader.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <set>
#include <string_view>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "planner/import/model_files.h"

namespace headroom {
namespace {

constexpr std::size_t kPrefix = 8;
constexpr std::string_view kMetadata = "__metadata__";

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Bytes of the header behind its length field; the header was parsed, so the field is right.
std::size_t header_bytes(std::span<const std::byte> file) {
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof(length));
    return static_cast<std::size_t>(length);
}

/// The file of that kind in a folder, or the path itself.
std::filesystem::path weights_at(const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) return path;
    constexpr std::array kNames{"model.safetensors.index.json", "model.safetensors",
                                "adapter_model.safetensors"};
    for (const auto* name : kNames) {
        if (std::filesystem::exists(path / name)) return path / name;
    }
    throw InputError(path.string(), fmt::format("holds neither {} nor {}", kNames[1], kNames[0]));
}

/// Shards that an index names, each once.
std::set<std::string> shards_of(const JsonCursor& index) {
    std::set<std::string> shards;
    for (const auto& [tensor, file] : index.at("weight_map").members()) {
        const auto& name = file.string();
        // A shard lies beside its index; anything else is no name for a file to open.
        if (name.empty() || name == ".." || name.find('/') != std::string::npos) {
            file.fail(fmt::format("is {}, must be the name of a file beside the index",
                                  quoted(file.value())));
        }
        shards.insert(name);
    }
    return shards;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
    const auto bytes = file_.bytes();
    tensors_ = parse_safetensors_header(text_of(bytes), static_cast<std::int64_t>(bytes.size()),
                                        file_.name());
    data_ = kPrefix + header_bytes(bytes);
    for (std::size_t i = 0; i < tensors_.size(); ++i) index_[tensors_[i].name] = i;
}

const StoredTensor* SafetensorsFile::find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &tensors_[found->second];
}

std::span<const std::byte> SafetensorsFile::bytes(const StoredTensor& tensor) const {
    return file_.bytes().subspan(data_ + static_cast<std::size_t>(tensor.begin),
                                 static_cast<std::size_t>(tensor.end - tensor.begin));
}

std::map<std::string, std::string> SafetensorsFile::metadata() const {
    const auto text = text_of(file_.bytes()).substr(kPrefix, data_ - kPrefix);
    // Only the one entry is kept: a header of many tensors never becomes a tree.
    const auto keep = [](int depth, Json::parse_event_t event, Json& parsed) {
        return depth != 1 || event != Json::parse_event_t::key || parsed == kMetadata;
    };
    const Json header = Json::parse(text, keep);
    std::map<std::string, std::string> out;
    const auto found = header.find(kMetadata);
    if (found == header.end()) return out;
    const JsonCursor cursor(*found, fmt::format("{}/{}", name(), kMetadata));
    for (const auto& [key, value] : cursor.members()) out[key] = value.string();
    return out;
}

WeightFiles::WeightFiles(const std::filesystem::path& path) {
    const auto at = weights_at(path);
    name_ = at.string();
    if (at.extension() == ".json") {
        open_index(at);
    } else {
        open(at);
    }
    for (const auto& file : files_) {
        for (const auto& tensor : file.tensors()) {
            if (!weights_.emplace(tensor.name, StoredWeight{&file, &tensor}).second) {
                throw InputError(file.name(), fmt::format("{} is in more than one shard",
                                                          quoted(Json(tensor.name))));
            }
        }
    }
}

void WeightFiles::open(const std::filesystem::path& file) { files_.emplace_back(file); }

void WeightFiles::open_index(const std::filesystem::path& index) {
    const Json document = read_json_file(index);
    const JsonCursor cursor(document, index.string());
    if (!cursor.is_object() || !is_shard_index(cursor)) {
        throw InputError(index.string(), "is no index of weight files");
    }
    std::map<std::string, std::size_t> place;
    for (const auto& shard : shards_of(cursor)) {
        place[shard] = files_.size();
        open(index.parent_path() / shard);
    }
    for (const auto& [tensor, shard] : cursor.at("weight_map").members()) {
        const auto& file = files_[place.at(shard.string())];
        if (file.find(tensor) == nullptr) {
            throw InputError(file.name(), fmt::format("lacks {}, which the index places there",
                                                      quoted(Json(tensor))));
        }
    }
}

const StoredWeight* WeightFiles::find(const std::string& name) const {
    const auto found = weights_.find(name);
    return found == weights_.end() ? nullptr : &found->second;
}

}  // namespace headroom
