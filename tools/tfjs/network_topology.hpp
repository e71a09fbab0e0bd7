// What either kind of TensorFlow.js topology comes to, and how its end is read.
#pragma once

#include "tfjs/chain_builder.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mobilenet::tools {

struct network_topology {
  layer_chain chain;
  std::string name;               ///< the model's own; may be empty
  std::size_t source_layers = 0;  ///< layers or nodes of the source
  output_kind output = output_kind::features;
  mobilenet::preprocessing scaling;  ///< of pixels, unless the user says otherwise; before the chain's own
  std::uint32_t first_class = 0;     ///< 1 where output 0 is "background"
  std::vector<std::string> notes;    ///< decisions that a person may want to know of
};

/// Outputs of a model for the 1000 classes of ImageNet that has a background class before them.
inline constexpr std::uint32_t imagenet_with_background = 1001;

/// Ends the chain. A model that gives probabilities is a classifier; one that gives scores becomes one by a
/// softmax; all others give features. Of 1001 outputs the first is "background": left out of scores before the
/// softmax, as @tensorflow-models/mobilenet does, and out of the ranking where the softmax is the model's own.
/// errors   those of chain_builder
result<network_topology> finish_topology(chain_builder& builder);

}  // namespace mobilenet::tools
