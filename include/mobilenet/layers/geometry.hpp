// What the layers have in common: windows and their padding, activation ranges, and how packed weights are counted.
#pragma once

#include <mobilenet/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Output channels per panel of packed weights: kernels are stored as [ceil(c_out/16)][...][16].
inline constexpr std::uint32_t panel_width = 16;

constexpr std::uint32_t panels(std::uint32_t channels) noexcept {
  return channels / panel_width + (channels % panel_width != 0 ? 1u : 0u);
}

/// Rows and columns of zeros around an input.
struct padding {
  std::uint32_t top = 0;
  std::uint32_t left = 0;
  std::uint32_t bottom = 0;
  std::uint32_t right = 0;
  friend constexpr bool operator==(const padding&, const padding&) = default;
};

/// Output positions of a window along one dimension; 0 if the window does not fit.
constexpr std::uint32_t window_positions(std::uint32_t in, std::uint32_t before, std::uint32_t after,
                                         std::uint32_t kernel, std::uint32_t stride) noexcept {
  const std::uint64_t padded = std::uint64_t{in} + before + after;
  return padded < kernel || stride == 0 ? 0 : static_cast<std::uint32_t>((padded - kernel) / stride + 1);
}

/// How a kernel moves over its input: the same stride in both directions.
struct window {
  std::uint32_t height = 3;
  std::uint32_t width = 3;
  std::uint32_t stride = 1;
  padding pad = {};

  constexpr std::uint64_t elements() const noexcept { return std::uint64_t{height} * width; }
  /// Height and width of the output, with as many channels as given.
  constexpr shape output(const shape& in, std::uint32_t channels) const noexcept {
    return {window_positions(in.height, pad.top, pad.bottom, height, stride),
            window_positions(in.width, pad.left, pad.right, width, stride), channels};
  }
  friend constexpr bool operator==(const window&, const window&) = default;
};

/// The activation function of a layer with weights: every output is clamped to [low, high]. ReLU6 is [0, 6]; without
/// an activation it is [-inf, inf].
struct range {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  friend constexpr bool operator==(const range&, const range&) = default;
};

inline constexpr range relu{0.0f, std::numeric_limits<float>::infinity()};
inline constexpr range relu6{0.0f, 6.0f};

/// TensorFlow's SAME padding along one dimension: the output has ceil(in/stride) elements, and an odd
/// total puts the larger half after the input. Stride 2 on an even input pads nothing before it.
constexpr std::uint32_t same_padding_before(std::uint32_t in, std::uint32_t kernel, std::uint32_t stride) noexcept {
  const std::uint32_t out = (in + stride - 1) / stride;
  const std::uint32_t covered = (out - 1) * stride + kernel;
  return covered > in ? (covered - in) / 2 : 0;
}
constexpr std::uint32_t same_padding_after(std::uint32_t in, std::uint32_t kernel, std::uint32_t stride) noexcept {
  const std::uint32_t out = (in + stride - 1) / stride;
  const std::uint32_t covered = (out - 1) * stride + kernel;
  return covered > in ? covered - in - (covered - in) / 2 : 0;
}
constexpr padding same_padding(shape in, std::uint32_t kernel_height, std::uint32_t kernel_width,
                               std::uint32_t stride) noexcept {
  return {same_padding_before(in.height, kernel_height, stride), same_padding_before(in.width, kernel_width, stride),
          same_padding_after(in.height, kernel_height, stride), same_padding_after(in.width, kernel_width, stride)};
}

}  // namespace layers
MOBILENET_NAMESPACE_END
