// A network described in plain arrays, before it is packed.
#pragma once

#include <mobilenet/model/parse.hpp>
#include <mobilenet/node.hpp>
#include <mobilenet/preprocess.hpp>
#include <mobilenet/tensor.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// One layer before it is packed: what it means, the values that it reads, and its weights in the order in which Keras
/// and tfjs store them, batch norm already folded in.
///
/// kernel   conv2d            [k_h][k_w][c_in][c_out]
///          depthwise_conv2d  [k_h][k_w][c]
///          pointwise_conv2d  [c_in][c_out]
///          dense             [c_in][c_out]
///          others            empty
/// bias     [c_out], empty for layers without weights
struct unpacked_layer {
  layers::any_layer layer;
  std::vector<float> kernel;
  std::vector<float> bias;
  std::string names;               ///< tfjs layer names in order of execution, separated by '\n'
  std::uint32_t folded_names = 0;  ///< the first `folded_names` of them no longer have an activation
  std::array<value_id, 2> inputs{network_input, no_value};

  /// The layer that this one was made for: "conv1".
  std::string first_name() const { return names.substr(0, names.find('\n')); }
};

/// Everything that a packed model contains.
struct unpacked_model {
  tensor_type input;
  std::vector<unpacked_layer> layers;  ///< layer i computes value i + 1
  mobilenet::preprocessing preprocessing;
  output_kind output = output_kind::classes;
  std::uint32_t class_offset = 0;   ///< 1 if output 0 is "background"
  std::vector<std::string> labels;  ///< one per class, counted from class_offset; or empty
  std::string provenance;
};

}  // namespace mobilenet::tools
