#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// 1x1 convolution with stride 1: at every position a matrix-vector product over the channels, plus
/// bias, clamped to [lo, hi]. Nearly all of MobileNet's arithmetic.
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
  shape in;
  std::uint32_t out_channels = 0;
  clamp bounds;

  constexpr shape output_shape() const noexcept { return {in.height, in.width, out_channels}; }
  constexpr std::uint64_t parameters() const noexcept {
    return std::uint64_t{in.channels} * out_channels + out_channels;
  }
  constexpr std::uint64_t multiply_adds() const noexcept { return in.elements() * out_channels; }
  constexpr std::uint64_t packed_kernel_elements() const noexcept {
    return std::uint64_t{panels(out_channels)} * in.channels * panel_width;
  }
  friend constexpr bool operator==(const pointwise_conv2d&, const pointwise_conv2d&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
