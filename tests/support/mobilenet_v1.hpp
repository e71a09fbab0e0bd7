// MobileNet v1 of any width, resolution and class count with random weights, for tests and benchmarks.
#pragma once

#include "random_layer.hpp"
#include "unpacked_models.hpp"

#include "pack/packed_model_writer.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mobilenet::test {

/// The whole network, named as Keras names it. Weights are scaled so that activations neither die out nor all
/// reach the clamp. The layer widths are those of Keras: each multiplied by alpha and rounded down.
inline tools::unpacked_model mobilenet_v1(double alpha, std::uint32_t resolution, std::uint32_t classes,
                                          std::uint32_t seed = 1) {
  random_floats values(seed);
  tools::unpacked_model model;
  model.provenance = "synthetic MobileNet v1";
  shape current{resolution, resolution, 3};
  const auto scaled = [&](std::uint32_t channels) {
    return std::max(1u, static_cast<std::uint32_t>(static_cast<double>(channels) * alpha));
  };
  const auto add = [&](const layers::any_layer& params, std::size_t fan_in, std::size_t kernel_size,
                       std::uint32_t channels, std::string names, std::uint32_t folded) {
    tools::unpacked_layer layer{params, std::vector<float>(kernel_size), std::vector<float>(channels), std::move(names),
                                folded};
    const float reach = std::sqrt(6.0f / static_cast<float>(fan_in));
    values.fill(layer.kernel.data(), layer.kernel.size(), -reach, reach);
    values.fill(layer.bias.data(), layer.bias.size(), -0.1f, 0.3f);
    current = layers::output_type(params);
    model.layers.push_back(std::move(layer));
  };
  const auto names = [](const std::string& name) { return name + "\n" + name + "_bn\n" + name + "_relu"; };

  const layers::conv2d first{current, scaled(32), 3, 3, 2, layers::same_padding(current, 3, 3, 2), layers::relu6};
  add(first, 27, 27 * first.out_channels, first.out_channels, names("conv1"), 2);
  constexpr std::pair<std::uint32_t, std::uint32_t> blocks[] = {{64, 1},  {128, 2},  {128, 1}, {256, 2}, {256, 1},
                                                                {512, 2}, {512, 1},  {512, 1}, {512, 1}, {512, 1},
                                                                {512, 1}, {1024, 2}, {1024, 1}};
  int block = 0;
  for (const auto& [channels, stride] : blocks) {
    const std::string number = std::to_string(++block);
    add(layers::depthwise_conv2d{current, {3, 3, stride, layers::same_padding(current, 3, 3, stride)}, layers::relu6},
        9, std::size_t{9} * current.channels, current.channels, names("conv_dw_" + number), 2);
    const std::uint32_t out = scaled(channels);
    add(layers::pointwise_conv2d{current, out, layers::relu6}, current.channels, std::size_t{current.channels} * out,
        out, names("conv_pw_" + number), 2);
  }
  add(layers::global_average_pool{current}, 1, 0, 0, "global_average_pooling2d_1\nreshape_1\ndropout", 0);
  add(layers::dense{current, classes, {}}, current.channels, std::size_t{current.channels} * classes, classes,
      "conv_preds", 0);
  add(layers::softmax{current}, 1, 0, 0, "act_softmax\nreshape_2", 0);
  return chained(std::move(model));
}

}  // namespace mobilenet::test
