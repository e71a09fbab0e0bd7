#include <mobilenet/backends/simd.hpp>
#include <mobilenet/image/decode_image.hpp>

#include <array>
#include <cstddef>
#include <numeric>
#include <string>

std::string message_without_exceptions() { return mobilenet::decode_image({}).error().message; }

// The sum of all values, each added to itself.
float sum_without_exceptions(const float* values, std::size_t count) {
  std::array<float, 16> doubled{};
  const auto* kernels = mobilenet::simd_kernels::find_kernels(mobilenet::simd_target::baseline);
  kernels->add({.in = {values, values}, .count = count, .out = doubled.data(), .activation = {}});
  return std::accumulate(doubled.begin(), doubled.end(), 0.0f);
}
