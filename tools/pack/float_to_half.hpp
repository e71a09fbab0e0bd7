// float32 to IEEE 754 half precision, for weights that are stored in half the bytes.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace mobilenet::tools {

/// The nearest half, ties to even; infinity where the value is too large for any finite half (the caller
/// asks and reports it). Subnormal halves included; NaN stays NaN.
constexpr std::uint16_t float_to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 2^16 and above
  if (magnitude < 0x33000000u) return sign;                                         // below 2^-25: rounds to zero

  const std::uint32_t exponent = magnitude >> 23;
  const std::uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  // 13 bits are dropped from a normal half, more from a subnormal one. What rounding carries out of the
  // mantissa lands in the exponent, where it belongs: the largest subnormal becomes the smallest normal.
  const std::uint32_t dropped = exponent < 113 ? 126 - exponent : 13;
  const std::uint32_t kept = mantissa >> dropped;
  const std::uint32_t rest = mantissa & ((1u << dropped) - 1);
  const std::uint32_t half_way = 1u << (dropped - 1);
  const std::uint32_t rounded = kept + (rest > half_way || (rest == half_way && (kept & 1u) != 0) ? 1u : 0u);
  const std::uint32_t base = exponent < 113 ? 0 : (exponent - 113) << 10;  // kept still holds the leading one
  return static_cast<std::uint16_t>(sign | (base + rounded));
}

}  // namespace mobilenet::tools
