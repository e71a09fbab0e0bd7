// MobileNet v2 of any width and resolution with random weights, for tests.
#pragma once

#include "random_layer.hpp"

#include "pack/packed_model_writer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mobilenet::test {

/// The whole network. Weights are scaled so that activations neither die out nor all reach the clamp.
///
/// multiple   every number of channels is rounded to the nearest multiple of it; Keras has 8
inline tools::unpacked_model mobilenet_v2(double alpha, std::uint32_t multiple, std::uint32_t resolution,
                                          std::uint32_t classes, std::uint32_t seed = 1) {
  random_floats values(seed);
  tools::unpacked_model model;
  model.provenance = "synthetic MobileNet v2";
  model.input = shape{resolution, resolution, 3};
  shape current{resolution, resolution, 3};
  const auto scaled = [&](std::uint32_t channels) {
    const auto times = static_cast<std::uint32_t>(std::lround(channels * alpha / multiple));
    return std::max(1u, times) * multiple;
  };
  const auto last = [&] { return static_cast<value_id>(model.layers.size()); };
  const auto append = [&](const layers::any_layer& layer, std::size_t fan_in, std::uint32_t channels,
                          value_id second = no_value) {
    tools::unpacked_layer made{layer, std::vector<float>(fan_in * channels), std::vector<float>(channels), "layer", 0};
    made.inputs = {last(), second};
    const float reach = std::sqrt(6.0f / static_cast<float>(std::max<std::size_t>(1, fan_in)));
    values.fill(made.kernel.data(), made.kernel.size(), -reach, reach);
    values.fill(made.bias.data(), made.bias.size(), -0.1f, 0.3f);
    current = layers::output_type(layer);
    model.layers.push_back(std::move(made));
  };
  const auto pointwise = [&](std::uint32_t out, layers::range activation) {
    append(layers::pointwise_conv2d{current, out, activation}, current.channels, out);
  };

  const std::uint32_t first = scaled(32);
  append(layers::conv2d{current, first, {3, 3, 2, layers::same_padding(current, 3, 3, 2)}, layers::relu6}, 27, first);
  struct block {
    std::uint32_t expansion, channels, stride;
  };
  constexpr std::array<block, 17> blocks{{{1, 16, 1},
                                          {6, 24, 2},
                                          {6, 24, 1},
                                          {6, 32, 2},
                                          {6, 32, 1},
                                          {6, 32, 1},
                                          {6, 64, 2},
                                          {6, 64, 1},
                                          {6, 64, 1},
                                          {6, 64, 1},
                                          {6, 96, 1},
                                          {6, 96, 1},
                                          {6, 96, 1},
                                          {6, 160, 2},
                                          {6, 160, 1},
                                          {6, 160, 1},
                                          {6, 320, 1}}};
  for (const block& b : blocks) {
    const value_id entry = last();
    const shape entered = current;
    if (b.expansion != 1) pointwise(current.channels * b.expansion, layers::relu6);
    append(
        layers::depthwise_conv2d{
            current, {3, 3, b.stride, layers::same_padding(current, 3, 3, b.stride)}, layers::relu6},
        9, current.channels);
    pointwise(scaled(b.channels), {});
    if (current == entered) append(layers::add{current}, 0, 0, entry);
  }
  pointwise(scaled(1280), layers::relu6);
  append(layers::global_average_pool{current}, 0, 0);
  append(layers::dense{current, classes, {}}, current.channels, classes);
  append(layers::softmax{current}, 0, 0);
  return model;
}

}  // namespace mobilenet::test
