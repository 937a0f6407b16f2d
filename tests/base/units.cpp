#include "planner/base/units.h"

#include "tests/support/catch.h"

using namespace headroom;

TEST_CASE("QuantitiesPrintTheirOwnUnit") {
    CHECK(to_string(Bytes{1000}) == "1000 B");
    CHECK(to_string(gibibytes(1.5)) == "1.50 GiB");
    CHECK(to_string(Flops{2.5e15}) == "2.50 PFLOP");
    CHECK(to_string(Seconds{0.0125}) == "12.50 ms");
    CHECK(to_string(Usd{1234567.891}) == "$1,234,567.89");
    CHECK(with_thousands(8030261248) == "8,030,261,248");
    CHECK(with_thousands(-1000) == "-1,000");
    CHECK(with_thousands(999) == "999");
}

TEST_CASE("RatesDivideAmounts") {
    CHECK((Bytes{450'000'000'000} / gigabytes_per_second(450)).count() == Approx(1.0));
    CHECK((Flops{989e12} / teraflops_per_second(989)).count() == Approx(1.0));
}
