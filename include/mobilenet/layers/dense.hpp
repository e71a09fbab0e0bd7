#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Fully connected layer on a vector, plus bias, clamped to [lo, hi]. The class scores of MobileNet,
/// whether Keras wrote them as a Dense layer or as a 1x1 convolution after the pooling.
///
///   out[o] = clamp(bias[o] + sum over c of  in[c] * kernel[c, o])
///
/// in       [1, 1, c]                float32, 16 readable bytes past the end
/// kernel   [ceil(o/16)][c][16]      packed, zero padded
/// bias     [16 * ceil(o/16)]        float32, zero padded
/// out      [1, 1, o]
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     c * o multiply-adds
/// source   Howard et al. 2017, arXiv:1704.04861, table 1
struct dense {
  shape in;  ///< 1x1xc
  std::uint32_t out_channels = 0;
  clamp bounds;

  constexpr shape output_shape() const noexcept { return {1, 1, out_channels}; }
  constexpr std::uint64_t parameters() const noexcept {
    return std::uint64_t{in.channels} * out_channels + out_channels;
  }
  constexpr std::uint64_t multiply_adds() const noexcept { return std::uint64_t{in.channels} * out_channels; }
  constexpr std::uint64_t packed_kernel_elements() const noexcept {
    return std::uint64_t{panels(out_channels)} * in.channels * panel_width;
  }
  friend constexpr bool operator==(const dense&, const dense&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
