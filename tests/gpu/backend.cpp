#include <array>
#include <cstring>

#include "planner/step/op/linear.h"
#include "tests/gpu/gpu.h"

namespace headroom::test {

TEST_CASE("GpuBlockThatDoesNotFitIsNamed") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    const Bytes free = gpu->memory().free;
    CHECK_THROWS_AS(gpu->allocate(free + Bytes{kGiB}, Place::device), OutOfMemory);
    OnDevice small(*gpu, {1024}, DType::u8);  // the failure before leaves nothing behind
    small.fill(7);
    CHECK(small.read() == std::vector<std::byte>(1024, std::byte{7}));
}

TEST_CASE("BytesComeBackFromEveryPlace") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    for (const auto place : {Place::device, Place::host, Place::nvme}) {
        std::byte* const block = gpu->allocate(Bytes{4096}, place);
        CHECK(reinterpret_cast<std::uintptr_t>(block) % 512 == 0);
        gpu->fill(block, Bytes{4096}, 0xA5, place);
        const std::array<std::byte, 3> written{std::byte{1}, std::byte{2}, std::byte{3}};
        gpu->write(block + 100, written, place);
        std::array<std::byte, 5> read{};
        gpu->read(read, block + 99, place);
        CHECK(read == std::array<std::byte, 5>{std::byte{0xA5}, std::byte{1}, std::byte{2},
                                               std::byte{3}, std::byte{0xA5}});
        gpu->release(block, place);
    }
}

TEST_CASE("MemoryOfTheContextIsSeen") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    const auto stages = gpu->stages();
    REQUIRE(stages.size() >= 2);
    for (const auto& [stage, memory] : stages) {
        WARN(stage << ": " << to_string(memory.free) << " free of " << to_string(memory.total)
                   << ", this process " << to_string(memory.process));
        CHECK(memory.free <= memory.total);
    }
    CHECK(stages.back().stage == "libraries");
    const Bytes before = gpu->memory().free;
    std::byte* const block = gpu->allocate(Bytes{kGiB}, Place::device);
    CHECK((before - gpu->memory().free).count() == kGiB);
    gpu->release(block, Place::device);
    CHECK(gpu->memory().free == before);
}

TEST_CASE("RecordedProductsEqualLaunchedOnes") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    OnDevice x(*gpu, {256, 128}, DType::bf16);
    OnDevice weight(*gpu, {64, 128}, DType::bf16);
    OnDevice y(*gpu, {256, 64}, DType::bf16);
    OnDevice workspace(*gpu, {32 * kMiB}, DType::u8);
    x.fill(0x3E);
    weight.fill(0x3D);
    const std::array in{x.view(), weight.view()};
    const std::array out{y.view()};
    const Launch launch{.in = in, .out = out, .workspace = workspace.view()};
    gpu->launch(Linear{}, launch);
    const auto launched = y.read();
    gpu->begin_capture();
    gpu->launch(Linear{}, launch);
    const int graph = gpu->end_capture();
    REQUIRE(graph >= 0);
    y.fill(0);
    gpu->mark(0);
    gpu->replay(graph);
    gpu->mark(1);
    CHECK(y.read() == launched);
    CHECK(gpu->between(0, 1).count() > 0.0);
}

TEST_CASE("LossesAreSummedOnTheGpu") {
    const auto gpu = gpu_or_skip();
    if (gpu == nullptr) return;
    OnDevice loss(*gpu, {4097}, DType::f32);
    OnDevice block(*gpu, {kScalars}, DType::f32);
    const std::vector<float> halves(4097, 0.5F);
    gpu->write(loss.view().data, std::as_bytes(std::span(halves)), Place::device);
    const StepScalars scalars{.loss_sum = 1.0};
    gpu->write(block.view().data, std::as_bytes(std::span(&scalars, 1)), Place::device);
    gpu->add_loss(loss.view(), block.view().as<StepScalars>());
    StepScalars after;
    std::memcpy(&after, block.read().data(), sizeof(after));
    CHECK(after.loss_sum == 1.0 + 4097 * 0.5);
}

}  // namespace headroom::test
