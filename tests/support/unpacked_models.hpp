// Unpacked models for tests.
#pragma once

#include "pack/unpacked_model.hpp"

#include <cstddef>
#include <utility>

namespace mobilenet::test {

/// The model with each layer reading what the layer before it computes, and the input that the first layer expects.
inline tools::unpacked_model chained(tools::unpacked_model model) {
  for (std::size_t i = 0; i < model.layers.size(); ++i) model.layers[i].inputs[0] = static_cast<value_id>(i);
  if (!model.layers.empty()) model.input = layers::input_type(model.layers[0].layer);
  return model;
}

}  // namespace mobilenet::test
