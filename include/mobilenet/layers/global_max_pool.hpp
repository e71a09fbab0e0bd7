#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// The maximum of each channel over all positions: the pooling of some retrained models.
///
///   out[c] = max over y, x of  in[y, x, c]
///
/// in       [h, w, c]       float32, NHWC with n = 1, 16 readable bytes past the end
/// out      [1, 1, c]
/// errors   prepare: out_of_memory.   run: none
/// cost     h * w * c comparisons
/// source   Keras, GlobalMaxPooling2D
struct global_max_pool {
  static constexpr std::string_view name = "global_max_pool";
  static constexpr std::size_t inputs = 1;

  tensor_type in;
  encoding out = {};

  constexpr shape output_shape() const noexcept { return {1, 1, in.channels}; }
  friend constexpr bool operator==(const global_max_pool&, const global_max_pool&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
