#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "planner/import/model_source.h"
#include "runtime/data/mapped_file.h"

namespace headroom {

/// One .safetensors file, mapped: names, dtypes, shapes and bytes of its tensors.
class SafetensorsFile {
public:
    /// Throws InputError when the file is none or is cut short.
    explicit SafetensorsFile(const std::filesystem::path& path);

    /// Sorted by where they lie.
    [[nodiscard]] std::span<const StoredTensor> tensors() const { return tensors_; }
    /// Null when there is no tensor of that name.
    [[nodiscard]] const StoredTensor* find(const std::string& name) const;
    /// The bytes of one of its tensors, not aligned.
    [[nodiscard]] std::span<const std::byte> bytes(const StoredTensor& tensor) const;
    /// What the header says beside its tensors.
    [[nodiscard]] std::map<std::string, std::string> metadata() const;
    [[nodiscard]] const std::string& name() const { return file_.name(); }

private:
    MappedFile file_;
    std::vector<StoredTensor> tensors_{};
    std::map<std::string, std::size_t> index_{};
    std::size_t data_ = 0;  ///< where the tensors' bytes begin
};

/// A tensor of a model's files.
struct StoredWeight {
    const SafetensorsFile* file = nullptr;
    const StoredTensor* tensor = nullptr;
};

/// The weights of a model in a file, in the shards of an index, or in the folder of either.
class WeightFiles {
public:
    /// Throws InputError when there are none, or a shard lacks what the index places there.
    explicit WeightFiles(const std::filesystem::path& path);

    /// Null when no file has that tensor.
    [[nodiscard]] const StoredWeight* find(const std::string& name) const;
    [[nodiscard]] const std::map<std::string, StoredWeight>& all() const { return weights_; }
    /// What error sentences begin with: the file, or the index.
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    void open_index(const std::filesystem::path& index);
    void open(const std::filesystem::path& file);

    std::string name_{};
    std::vector<SafetensorsFile> files_{};
    std::map<std::string, StoredWeight> weights_{};
};

}  // namespace headroom
