#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Convolution with kernels of any size, stride s, explicit zero padding, plus bias, clamped to [low, high].
/// MobileNet's first layer: 3x3, stride 2, on 3 channels.
///
///   out[y, x, o] = clamp(bias[o] + sum over i, j, c of  in[y*s + i - top, x*s + j - left, c] * kernel[i, j, c, o])
///
/// in       [h, w, c]                         float32, NHWC with n = 1, 16 readable bytes past the end
/// kernel   [ceil(o/16)][k_h][k_w][c][16]     packed, zero padded; batch norm already folded in
/// bias     [16 * ceil(o/16)]                 float32, zero padded
/// out      [h', w', o], h' = floor((h + top + bottom - k_h) / s) + 1, w' likewise
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     k_h * k_w * c * h' * w' * o multiply-adds
/// source   Howard et al. 2017, arXiv:1704.04861, table 1
struct conv2d {
  static constexpr std::string_view name = "conv2d";
  static constexpr std::size_t inputs = 1;

  tensor_type in;
  std::uint32_t out_channels = 0;
  layers::window window = {};
  range activation = {};
  encoding out = {};

  constexpr shape output_shape() const noexcept { return window.output(in, out_channels); }
  /// Kernel values per output channel.
  constexpr std::uint64_t kernel_rows() const noexcept { return window.elements() * in.channels; }
  constexpr std::uint64_t multiply_adds() const noexcept { return kernel_rows() * output_shape().volume(); }
  friend constexpr bool operator==(const conv2d&, const conv2d&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
