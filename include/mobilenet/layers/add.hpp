#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// The sum of two activations of one shape, clamped to [low, high]: the shortcut around a block of MobileNet v2.
///
///   out[y, x, c] = clamp(in0[y, x, c] + in1[y, x, c])
///
/// in0, in1   [h, w, c]     float32, NHWC with n = 1, 16 readable bytes past the end
/// out        [h, w, c]
/// errors     prepare: out_of_memory, backend_failure.   run: none
/// cost       h * w * c additions
/// source     He et al. 2015, arXiv:1512.03385, section 3.2; Sandler et al. 2018, arXiv:1801.04381, section 3.3
struct add {
  static constexpr std::string_view name = "add";
  static constexpr std::size_t inputs = 2;

  tensor_type in;        ///< of the first input
  encoding second = {};  ///< of the second, whose shape is the same
  range activation = {};
  encoding out = {};

  constexpr shape output_shape() const noexcept { return in; }
  friend constexpr bool operator==(const add&, const add&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
