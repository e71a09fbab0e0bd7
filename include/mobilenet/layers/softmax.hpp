#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Turns scores into probabilities. The maximum is subtracted first, so that no exponential overflows.
///
///   out[c] = exp(in[c] - max(in)) / sum over k of  exp(in[k] - max(in))
///
/// in       [1, 1, c]       float32, 16 readable bytes past the end
/// out      [1, 1, c]       sums to 1 within rounding
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     c exponentials
/// source   Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs"
struct softmax {
  static constexpr std::string_view name = "softmax";
  static constexpr std::size_t inputs = 1;

  tensor_type in;  ///< 1x1xc
  encoding out = {};

  constexpr shape output_shape() const noexcept { return in; }
  friend constexpr bool operator==(const softmax&, const softmax&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
