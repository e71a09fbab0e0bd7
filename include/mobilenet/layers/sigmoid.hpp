#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Turns each score into a probability of its own: the end of a network whose classes do not exclude each other.
///
///   out[c] = 1 / (1 + exp(-in[c]))
///
/// in       [1, 1, c]       float32, 16 readable bytes past the end
/// out      [1, 1, c]       each from 0 to 1
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     c exponentials
/// source   Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs"
struct sigmoid {
  shape in;  ///< 1x1xc

  constexpr shape output_shape() const noexcept { return in; }
  constexpr std::uint64_t parameters() const noexcept { return 0; }
  constexpr std::uint64_t multiply_adds() const noexcept { return 0; }
  constexpr std::uint64_t packed_kernel_elements() const noexcept { return 0; }
  friend constexpr bool operator==(const sigmoid&, const sigmoid&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
