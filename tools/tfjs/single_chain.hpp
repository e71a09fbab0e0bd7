// The order of computation of layers that name their inputs. They must form a single chain: that is what
// MobileNet v1 is, and what tells it from networks with residual or parallel paths.
#pragma once

#include "tfjs/chain_builder.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// A layer and the names of the layers whose outputs it reads.
struct chain_node {
  source_layer id;
  std::vector<std::string> inputs;
  bool known = true;  ///< whether this kind of layer can be part of the chain at all
};

/// As far as the nodes of a model are a chain of known kinds, and why no further.
template <class Node>
struct chain_prefix {
  std::vector<Node> nodes;  ///< each after its input
  /// Whoever reads the nodes one after the other may find an earlier reason to give up, and gives this one after
  /// them. Kinds that are not known come before branches: for a residual network that is its first Add, not the layer
  /// where the paths part. errors: unsupported: a kind that is not known, a branch, several inputs
  std::optional<error> misfit;
};

/// The order of computation, as indices. Always ends, whatever the names say.
/// errors   invalid_argument: two layers of one name, an input that is no layer, a cycle
result<chain_prefix<std::size_t>> single_chain(const std::vector<chain_node>& nodes);

}  // namespace mobilenet::tools
