#pragma once

#include <random>
#include <vector>

#include "kernels/device/number.cuh"

namespace headroom::test {

/// Normal numbers as T.
template <class T>
std::vector<T> random_elements(int count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<T> values;
    for (int i = 0; i < count; ++i) values.push_back(device::from_float<T>(normal(random)));
    return values;
}

}  // namespace headroom::test
