#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Turns scores into probabilities. The maximum is taken off first, so that no exponential overflows.
///
///   out[c] = exp(in[c] - max(in)) / sum over k of  exp(in[k] - max(in))
///
/// in       [1, 1, c]       float32, 16 readable bytes past the end
/// out      [1, 1, c]       sums to 1 within rounding
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     c exponentials
/// source   Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs"
struct softmax {
  shape in;  ///< 1x1xc

  constexpr shape output_shape() const noexcept { return in; }
  constexpr std::uint64_t parameters() const noexcept { return 0; }
  constexpr std::uint64_t multiply_adds() const noexcept { return 0; }
  constexpr std::uint64_t packed_kernel_elements() const noexcept { return 0; }
  friend constexpr bool operator==(const softmax&, const softmax&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
