// The topology of a TensorFlow graph, as tfjs stores it, to the layers of a network.
#pragma once

#include "tfjs/network_topology.hpp"
#include "tfjs/tfjs_model.hpp"

#include <mobilenet/error.hpp>

namespace mobilenet::tools {

/// Reads a GraphDef in JSON: as TensorFlow exports it (Conv2D, FusedBatchNorm or Mul and Add, Relu6) and as the
/// tfjs converter fuses it (_FusedConv2D, FusedDepthwiseConv2dNative). What the output does not need is ignored.
///
/// Pixels are scaled to [0, 1] for a graph that scales its input itself, as those of TF Hub do, and to [-1, 1]
/// for one that does not.
/// errors   unsupported: names the first node, in the order of computation, that has no place in a MobileNet;
///          invalid_argument: a field, with its path, a weight that is missing, a cycle; shape_mismatch.
///          All with the path of model.json in front
/// source   tensorflow/core/framework/graph.proto; tfjs-converter 4.22: operations/executors/*.ts
result<network_topology> read_graph_topology(const tfjs_model& model, const topology_options& options = {});

}  // namespace mobilenet::tools
