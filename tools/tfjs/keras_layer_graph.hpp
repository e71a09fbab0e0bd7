// Which Keras layer follows which.
#pragma once

#include "tfjs/chain_builder.hpp"
#include "tfjs/json_value.hpp"
#include "tfjs/single_chain.hpp"

#include <mobilenet/error.hpp>

#include <string>

namespace mobilenet::tools {

/// One layer of a Keras model.
struct keras_layer {
  source_layer id;
  json_value config;
};

/// The layers of a model (an object with class_name and config) in the order of computation, nested models
/// replaced by their own layers. The model should be one chain from one input to one output.
///
/// is_known   whether a class of layers can be part of the chain
/// errors     invalid_argument, unsupported
result<chain_prefix<keras_layer>> keras_layers_in_order(const json_value& model, bool (*is_known)(const std::string&));

}  // namespace mobilenet::tools
