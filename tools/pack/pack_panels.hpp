// A kernel in the packed model's order.
#pragma once

#include <mobilenet/layers/geometry.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mobilenet::tools {

/// Any kernel is [rows][channels] in natural order and [ceil(channels/16)][rows][16] in the file, zero padded.
template <class T>
std::vector<T> pack_panels(std::span<const T> kernel, std::size_t rows, std::size_t channels) {
  constexpr std::size_t width = layers::panel_width;
  std::vector<T> packed(std::size_t{layers::panels(static_cast<std::uint32_t>(channels))} * rows * width);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t channel = 0; channel < channels; ++channel)
      packed[(channel / width * rows + row) * width + channel % width] = kernel[row * channels + channel];
  return packed;
}

}  // namespace mobilenet::tools
