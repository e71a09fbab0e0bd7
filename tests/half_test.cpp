#include <mobilenet/detail/half.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>

using mobilenet::detail::half_to_float;

TEST_CASE("every half has its exact value") {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float found = half_to_float(static_cast<std::uint16_t>(bits));
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int mantissa = static_cast<int>(bits & 1023);
    REQUIRE(std::signbit(found) == (bits >= 0x8000));
    if (exponent == 31)
      REQUIRE((mantissa == 0 ? std::isinf(found) : std::isnan(found)));
    else
      REQUIRE(std::abs(found) == (exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                                : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25)));
  }
}

TEST_CASE("known halves") {
  static_assert(half_to_float(0x3c00) == 1.0f);
  static_assert(half_to_float(0xc000) == -2.0f);
  static_assert(half_to_float(0x7bff) == 65504.0f);
  static_assert(half_to_float(0x0001) == 0x1p-24f);
  static_assert(half_to_float(0x3555) == 0.333251953125f);
  CHECK(std::bit_cast<std::uint32_t>(half_to_float(0x8000)) == 0x80000000u);
}
