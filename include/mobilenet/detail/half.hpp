// IEEE 754 half precision, the optional storage form of weights.
#pragma once

#include <mobilenet/error.hpp>

#include <bit>
#include <cstdint>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// The exact float32 value of a half. All 65536 bit patterns have one (NaN keeps its payload).
constexpr float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 31u;
  const std::uint32_t mantissa = half & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

}  // namespace detail
MOBILENET_NAMESPACE_END
