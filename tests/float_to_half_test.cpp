#include "pack/float_to_half.hpp"

#include <mobilenet/detail/half.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace {

using mobilenet::detail::half_to_float;
using mobilenet::tools::float_to_half;

constexpr std::uint16_t infinity = 0x7c00;

TEST_CASE("every half comes back from its float") {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      CHECK(std::isnan(half_to_float(float_to_half(value))));
    } else if (float_to_half(value) != half) {
      FAIL("half ", h, " comes back as ", float_to_half(value));
    }
  }
}

TEST_CASE("between two halves the nearer one is taken, in the middle the even one") {
  for (std::uint16_t half = 0; half + 1 < infinity; ++half) {
    const auto next = static_cast<std::uint16_t>(half + 1);
    const float middle = half_to_float(half) / 2 + half_to_float(next) / 2;  // exact: float has bits to spare
    const std::uint16_t even = half % 2 == 0 ? half : next;
    if (float_to_half(middle) != even || float_to_half(-middle) != (even | 0x8000u))
      FAIL("middle above half ", half, " becomes ", float_to_half(middle));
    if (float_to_half(std::nextafter(middle, 0.0f)) != half || float_to_half(std::nextafter(middle, 1e9f)) != next)
      FAIL("next to the middle above half ", half);
  }
}

TEST_CASE("what is too large becomes infinite") {
  CHECK(float_to_half(65504.0f) == 0x7bff);
  CHECK(float_to_half(65519.996f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == infinity);
  CHECK(float_to_half(-1e30f) == (infinity | 0x8000u));
  CHECK(float_to_half(std::numeric_limits<float>::infinity()) == infinity);
}

}  // namespace
