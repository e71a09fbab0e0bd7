// The order of computation of layers that name their inputs. They must form a single chain: that is what
// MobileNet v1 is, and what tells it from networks with residual or parallel paths.
#pragma once

#include "chain_builder.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// A layer and the names of the layers whose outputs it reads.
struct chain_node {
  source_layer id;
  std::vector<std::string> inputs;
  bool known = true;  ///< whether this kind of layer can be part of the chain at all
};

/// Indices of the nodes, each after its input. Always ends, whatever the names say.
///
/// Kinds that are not known are reported before branches, in the order of computation: for a residual network
/// that is its first Add, not the layer where the paths part.
/// errors   invalid_argument: two layers of one name, an input that is no layer, a cycle;
///          unsupported: a kind that is not known, a branch, several inputs
result<std::vector<std::size_t>> single_chain(const std::vector<chain_node>& nodes);

}  // namespace mobilenet::tools
