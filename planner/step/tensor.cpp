#include "planner/step/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "planner/base/error.h"

namespace headroom {

std::int64_t numel(const Shape& shape) {
    std::int64_t product = 1;
    for (const auto extent : shape.extents()) {
        if (__builtin_mul_overflow(product, extent, &product) ||
            product > (std::int64_t{1} << 58)) {
            throw InputError(
                "/train",
                fmt::format("a tensor of shape {} has more than 2^58 elements", to_string(shape)));
        }
    }
    return product;
}

std::string to_string(const Shape& shape) {
    return fmt::format("({})", fmt::join(shape.extents(), ", "));
}

std::string to_string(const Label& label) {
    const std::int32_t layer = own_layer(label.layer);
    auto text =
        layer < 0 ? std::string(label.part) : fmt::format("layers.{}.{}", layer, label.part);
    if (is_teacher(label.layer)) text = "teacher." + text;
    return label.gradient ? "d(" + text + ")" : text;
}

}  // namespace headroom
