// Packed kernels in plain order again, for back ends that cannot compute from panels.
#pragma once

#include <mobilenet/detail/half.hpp>
#include <mobilenet/node.hpp>

#include <cstddef>
#include <cstdint>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// Calls visit(element, channel, value) for every number of a packed kernel, without the zero padding.
///
/// kernel   [ceil(channels/16)][elements][16], float32 or float16
template <class Visit>
void for_each_kernel_value(const weights& w, std::size_t elements, std::size_t channels, Visit visit) {
  constexpr std::size_t width = layers::panel_width;
  for (std::size_t channel = 0; channel < channels; ++channel)
    for (std::size_t element = 0; element < elements; ++element) {
      const std::size_t index = (channel / width * elements + element) * width + channel % width;
      visit(element, channel,
            w.type == element::f16 ? half_to_float(static_cast<const std::uint16_t*>(w.kernel)[index])
                                   : static_cast<const float*>(w.kernel)[index]);
    }
}

}  // namespace detail
MOBILENET_NAMESPACE_END
