#include "kernels/device/simt.h"
#include "tests/simt/table.h"
#include "tests/support/catch.h"
#include "tests/support/device_cases.h"
#include "tests/support/same_as_cpu.h"

namespace headroom::test {
namespace {

/// As the CPU's in every dtype; threads that run last to first give the same bits.
void check_all(const std::vector<OpCase>& cases, const Tolerances& tolerances = kSumTolerances) {
    for (const auto& c : cases) {
        check_same_as_cpu(c, simt_table(), tolerances);
        INFO(name(c.op));
        const OpResult forward = run(c, DType::f32, simt_table());
        const simt::ScopedOrder reverse(simt::Order::reverse);
        const OpResult backward = run(c, DType::f32, simt_table());
        CHECK(forward.outputs == backward.outputs);
        CHECK(forward.gradients == backward.gradients);
    }
}

}  // namespace

TEST_CASE("EmulatedNormsAgreeWithTheCpu") { check_all(norm_cases()); }
TEST_CASE("EmulatedElementwiseOpsAgreeWithTheCpu") { check_all(elementwise_cases()); }
TEST_CASE("EmulatedColumnsAgreeWithTheCpu") { check_all(column_cases()); }
TEST_CASE("EmulatedActivationsAgreeWithTheCpu") { check_all(activation_cases()); }
TEST_CASE("EmulatedRopeAgreesWithTheCpu") { check_all(rope_cases()); }
TEST_CASE("EmulatedEmbeddingsAgreeWithTheCpu") { check_all(embedding_cases()); }
TEST_CASE("EmulatedRoutingAgreesWithTheCpu") { check_all(routing_cases()); }
TEST_CASE("EmulatedFakeQuantizationIsTheCpusToTheBit") {
    check_all(fake_quantize_cases(), kSameBits);
}
TEST_CASE("EmulatedOtherOpsAgreeWithTheCpu") { check_all(other_cases()); }

}  // namespace headroom::test
