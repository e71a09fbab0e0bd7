// Which Keras layer follows which.
#pragma once

#include "tfjs/json_value.hpp"
#include "tfjs/layer_origin.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mobilenet::tools {

/// An object of a Keras model. A key may be written in the style of Python, "batch_input_shape", or of JavaScript,
/// "batchInputShape": TensorFlow.js reads both.
class keras_object {
 public:
  keras_object() = default;
  explicit keras_object(json_value value) : value_(std::move(value)) {}

  /// A member, by its name in the style of Python, or a value that is not there.
  json_value operator[](std::string_view key) const;
  const json_value& value() const noexcept { return value_; }

 private:
  json_value value_;
};

/// One layer of a Keras model, and the layers that it reads.
struct keras_layer {
  layer_origin id;
  keras_object config;
  std::vector<std::size_t> inputs;  ///< places in keras_layers::in_order; empty: the model's input
  std::size_t readers = 0;          ///< how often its output is read
  std::string place;                ///< as a .keras file names it: "layers/functional/layers/conv2d_1"
};

/// The layers of a model that its output needs, nested models replaced by their own layers.
struct keras_layers {
  std::vector<keras_layer> in_order;  ///< each after its inputs; the last is the output
  std::vector<std::string> unneeded;  ///< names of layers that the output does not need
};

/// Reads the layers of a model, an object with class_name and config.
///
/// output   the name of the output to take, if there are several; empty: there is only one
/// errors   invalid_argument, unsupported
result<keras_layers> read_keras_layers(const json_value& model, const std::string& output);

}  // namespace mobilenet::tools
