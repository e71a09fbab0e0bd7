#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Depthwise convolution: each channel with a kernel of its own, stride s, explicit zero padding, plus
/// bias, clamped to [low, high]. In MobileNet 3x3 with stride 1 or 2, padded as TensorFlow's SAME pads.
///
///   out[y, x, c] = clamp(bias[c] + sum over i, j of  in[y*s + i - top, x*s + j - left, c] * kernel[i, j, c])
///
/// in       [h, w, c]                      float32, NHWC with n = 1, 16 readable bytes past the end
/// kernel   [ceil(c/16)][k_h][k_w][16]     packed, zero padded; batch norm already folded in
/// bias     [16 * ceil(c/16)]              float32, zero padded
/// out      [h', w', c], h' = floor((h + top + bottom - k_h) / s) + 1, w' likewise
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     k_h * k_w * h' * w' * c multiply-adds
/// source   Howard et al. 2017, arXiv:1704.04861, section 3.1
struct depthwise_conv2d {
  static constexpr std::string_view name = "depthwise_conv2d";
  static constexpr std::size_t inputs = 1;

  tensor_type in;
  layers::window window = {};
  range activation = {};
  encoding out = {};

  constexpr shape output_shape() const noexcept { return window.output(in, in.channels); }
  /// Kernel values per output channel.
  constexpr std::uint64_t kernel_rows() const noexcept { return window.elements(); }
  constexpr std::uint64_t multiply_adds() const noexcept { return kernel_rows() * output_shape().volume(); }
  friend constexpr bool operator==(const depthwise_conv2d&, const depthwise_conv2d&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
