// The topology of a Keras model, as tfjs stores it, to the layers of a network.
#pragma once

#include "tfjs/network_topology.hpp"
#include "tfjs/tfjs_model.hpp"

#include <mobilenet/error.hpp>

namespace mobilenet::tools {

/// Reads Sequential, Model and Functional, in the forms of Keras 1 to 3 and of tfjs's own save(), also nested.
/// The order is that of inbound_nodes, whatever the order of the array.
///
/// errors   unsupported: names the first layer, in the order of computation, that has no place in a MobileNet;
///          invalid_argument: a field, with its path; layers that form a cycle or name an input that does
///          not exist (TensorFlow.js never returns from either); a weight that is missing or that no layer uses;
///          shape_mismatch. All with the path of model.json in front
/// source   tfjs-layers 4.22: engine/container.ts, layers/*.ts
result<network_topology> read_keras_topology(const tfjs_model& model, const topology_options& options = {});

}  // namespace mobilenet::tools
