#include "planner/step/extents.h"

namespace headroom {

Extent Extents::of(TensorId id) const {
    const std::int32_t index = block_[static_cast<std::size_t>(id.index)];
    if (index >= 0) {
        const Extent& whole = block(index).of;
        return {whole.begin, whole.end, index};
    }
    const Tensor& tensor = (*graph_)[id];
    const std::int64_t begin = tensor.offset.count();
    return {begin, begin + bytes(tensor).count(), -1};
}

bool Extents::overlap(const Extent& a, const Extent& b) const {
    if (a.begin >= b.end || b.begin >= a.end) return false;
    for (auto i = a.block; i >= 0; i = block(i).of.block) {
        for (auto k = b.block; k >= 0; k = block(k).of.block) {
            if (block(i).split == block(k).split) return block(i).column == block(k).column;
        }
    }
    return true;
}

bool Extents::share(TensorId a, TensorId b) const {
    return graph_->storage(a) == graph_->storage(b) && overlap(of(a), of(b));
}

void Extents::inherit(TensorId value, TensorId source) {
    block_[static_cast<std::size_t>(value.index)] = block_[static_cast<std::size_t>(source.index)];
}

void Extents::split(TensorId value, TensorId source, std::int32_t split, std::size_t column) {
    block_[static_cast<std::size_t>(value.index)] = static_cast<std::int32_t>(blocks_.size());
    blocks_.push_back({.of = of(source), .split = split, .column = column});
}

}  // namespace headroom
