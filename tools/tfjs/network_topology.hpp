// What either kind of TensorFlow.js topology becomes, and how its end is read.
#pragma once

#include "tfjs/network_builder.hpp"

#include <mobilenet/error.hpp>
#include <mobilenet/preprocess.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// The largest height and width of an input: the self-test computes one image, and a larger one would take minutes.
inline constexpr std::uint32_t largest_input = 2048;
/// The height and width of an input whose size the model leaves open.
inline constexpr std::uint32_t default_input_size = 224;

/// What a person may decide about a model.
struct topology_options {
  std::string output;                       ///< which one, if the model has several
  std::optional<output_kind> kind;          ///< what the output is, if it is linear
  bool has_labels = false;                  ///< whether somebody named the outputs: then they are classes
  std::optional<std::uint32_t> input_size;  ///< height and width of an input whose size the model leaves open
};

/// A network, and what the topology says about its input and output.
struct network_topology {
  unpacked_network network;
  std::string name;               ///< the model's own; may be empty
  std::size_t source_layers = 0;  ///< layers or nodes of the source
  output_kind output = output_kind::features;
  mobilenet::preprocessing scaling;  ///< of pixels, unless the user says otherwise; before the network's own
  std::uint32_t class_offset = 0;    ///< 1 if output 0 is "background"
  std::vector<std::string> notes;    ///< decisions that a person may want to know of
};

/// The shape of an input, of which the model may leave height and width open.
/// notes    gets a note if it does
/// errors   invalid_argument: the options name a size that the model does not leave open
result<shape> input_shape_of(std::optional<std::uint32_t> height, std::optional<std::uint32_t> width,
                             std::uint32_t channels, const topology_options& options, std::vector<std::string>& notes);

/// Outputs of a model for the 1000 classes of ImageNet, and of one that has a background class before them.
inline constexpr std::uint32_t imagenet = 1000;
inline constexpr std::uint32_t imagenet_with_background = 1001;

/// Ends the network. A model that computes probabilities is a classifier. One that ends in a linear layer becomes one,
/// by a softmax, if the options say so, if its outputs have names or if they are the classes of ImageNet; otherwise it
/// computes values. All others compute features. Of 1001 outputs the first is "background": left out of scores before
/// the softmax, as @tensorflow-models/mobilenet does, and out of the ranking if the softmax is the model's own.
/// errors   those of network_builder; invalid_argument: the options want classes, and the output cannot be any
result<network_topology> finish_topology(network_builder& builder, activation output, const topology_options& options);

}  // namespace mobilenet::tools
