#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// 1x1 convolution with stride 1: at every position a matrix-vector product over the channels, plus
/// bias, clamped to [low, high]. Nearly all of MobileNet's arithmetic.
///
///   out[y, x, o] = clamp(bias[o] + sum over c of  in[y, x, c] * kernel[c, o])
///
/// in       [h, w, c]                float32, NHWC with n = 1, 16 readable bytes past the end
/// kernel   [ceil(o/16)][c][16]      packed, zero padded; batch norm already folded in
/// bias     [16 * ceil(o/16)]        float32, zero padded
/// out      [h, w, o]
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     h * w * c * o multiply-adds
/// source   Howard et al. 2017, arXiv:1704.04861, section 3.1
struct pointwise_conv2d {
  static constexpr std::string_view name = "pointwise_conv2d";
  static constexpr std::size_t inputs = 1;

  tensor_type in;
  std::uint32_t out_channels = 0;
  range activation = {};
  encoding out = {};

  constexpr shape output_shape() const noexcept { return {in.height, in.width, out_channels}; }
  /// Kernel values per output channel.
  constexpr std::uint64_t kernel_rows() const noexcept { return in.channels; }
  constexpr std::uint64_t multiply_adds() const noexcept { return in.volume() * out_channels; }
  friend constexpr bool operator==(const pointwise_conv2d&, const pointwise_conv2d&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
