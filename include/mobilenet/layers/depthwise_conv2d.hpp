#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Depthwise convolution: each channel with a kernel of its own, stride s, explicit zero padding, plus
/// bias, clamped to [lo, hi]. In MobileNet 3x3 with stride 1 or 2, padded as TensorFlow's SAME pads.
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
  shape in;
  std::uint32_t kernel_height = 3;
  std::uint32_t kernel_width = 3;
  std::uint32_t stride = 1;
  padding pad;
  clamp bounds;

  constexpr shape output_shape() const noexcept {
    return {window_positions(in.height, pad.top, pad.bottom, kernel_height, stride),
            window_positions(in.width, pad.left, pad.right, kernel_width, stride), in.channels};
  }
  constexpr std::uint64_t parameters() const noexcept {
    return std::uint64_t{kernel_height} * kernel_width * in.channels + in.channels;
  }
  constexpr std::uint64_t multiply_adds() const noexcept {
    return std::uint64_t{kernel_height} * kernel_width * output_shape().elements();
  }
  constexpr std::uint64_t packed_kernel_elements() const noexcept {
    return std::uint64_t{panels(in.channels)} * kernel_height * kernel_width * panel_width;
  }
  friend constexpr bool operator==(const depthwise_conv2d&, const depthwise_conv2d&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
