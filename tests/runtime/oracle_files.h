#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "planner/base/error.h"
#include "planner/lower/lower.h"
#include "runtime/data/convert.h"
#include "runtime/data/safetensors_reader.h"
#include "tests/support/catch.h"
#include "tests/support/requests.h"

namespace headroom::test {

/// Models, adapters and vectors that other libraries made; make.py there says which and how.
inline const std::filesystem::path kOracle =
    std::filesystem::path(HEADROOM_TEST_DATA) / "golden/oracle";

/// Sequences of a micro-batch and their tokens, in all oracles.
inline constexpr std::int64_t kOracleBatch = 2;
inline constexpr std::int64_t kOracleSequence = 12;

inline ModelSpec oracle_model(const std::string& folder) {
    return *load_model((kOracle / folder / "config.json").string(), HEADROOM_PROFILES).spec;
}

/// A request of the oracles' micro-batch, in fp32.
inline PlanRequest oracle_request(const ModelSpec& model) {
    PlanRequest request = request_for(model, kOracleSequence);
    request.train.micro_batch = kOracleBatch;
    request.train.compute = DType::f32;
    request.train.gradient = DType::f32;
    return request;
}

inline StepGraph graph_of(const PlanRequest& request) {
    return lower(request, stage_of(request, 0)).graph;
}

/// A stored tensor as fp32 numbers.
inline std::vector<float> floats_of(const WeightFiles& files, const std::string& name) {
    const StoredWeight* found = files.find(name);
    INFO(name);
    REQUIRE(found != nullptr);
    const auto bytes = found->file->bytes(*found->tensor);
    const DType dtype = *dtype_stored_as(found->tensor->dtype);
    std::vector<float> out(bytes.size() * 8 / static_cast<std::size_t>(bits(dtype)));
    convert(bytes, dtype, std::as_writable_bytes(std::span(out)), DType::f32);
    return out;
}

/// What the InputError that an action throws says.
inline std::string sentence(const auto& action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

template <class T>
std::span<const std::byte> bytes_in(const std::vector<T>& values) {
    return std::as_bytes(std::span(values));
}

}  // namespace headroom::test
