#pragma once

// Catch2 is v2 in Debian 12 and v3 in newer distributions.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
