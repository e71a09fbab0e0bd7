#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Fully connected layer on a vector, plus bias, clamped to [low, high]. The class scores of MobileNet,
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
  static constexpr std::string_view name = "dense";
  static constexpr std::size_t inputs = 1;

  tensor_type in;  ///< 1x1xc
  std::uint32_t out_channels = 0;
  range activation = {};
  encoding out = {};

  constexpr shape output_shape() const noexcept { return {1, 1, out_channels}; }
  /// Kernel values per output channel.
  constexpr std::uint64_t kernel_rows() const noexcept { return in.channels; }
  constexpr std::uint64_t multiply_adds() const noexcept { return std::uint64_t{in.channels} * out_channels; }
  friend constexpr bool operator==(const dense&, const dense&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
