#pragma once

#include <mobilenet/layers/geometry.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// The mean of each channel over all positions.
///
///   out[c] = (sum over y, x of  in[y, x, c]) / (h * w)
///
/// in       [h, w, c]       float32, NHWC with n = 1, 16 readable bytes past the end
/// out      [1, 1, c]
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     h * w * c additions
/// source   Lin et al. 2013, arXiv:1312.4400, section 3.2
struct global_average_pool {
  static constexpr std::string_view name = "global_average_pool";
  static constexpr std::size_t inputs = 1;

  tensor_type in;
  encoding out = {};

  constexpr shape output_shape() const noexcept { return {1, 1, in.channels}; }
  friend constexpr bool operator==(const global_average_pool&, const global_average_pool&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
