// A network as data: nodes over values, in the order of execution.
#pragma once

#include <mobilenet/layers/layer.hpp>
#include <mobilenet/layers/weights.hpp>
#include <mobilenet/tensor.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// Names a value: 0 is the network's input, i + 1 is what node i computes. So a node that reads only lower numbers
/// reads what exists.
using value_id = std::uint32_t;
inline constexpr value_id network_input = 0;
inline constexpr value_id no_value = std::numeric_limits<value_id>::max();

/// One layer of a network: what it means, its weights, and the values that it reads.
struct node {
  layers::any_layer layer;
  mobilenet::weights weights;
  std::array<value_id, 2> inputs{network_input, no_value};  ///< the second: no_value for a layer of one input

  std::string_view names;          ///< tfjs layer names, separated by '\n': "conv1\nconv1_bn\nconv1_relu"
  std::uint32_t folded_names = 0;  ///< the first `folded_names` of them no longer have an activation

  /// The first name, the layer that this node was made for: "conv1".
  std::string_view name() const noexcept { return names.substr(0, names.find('\n')); }
  /// The last name, whose activation is this node's output: "conv1_relu".
  std::string_view activation_name() const noexcept { return names.substr(names.rfind('\n') + 1); }
};

/// How often each value is read by the nodes that the wanted values need; each time a value is wanted counts too.
/// Nodes whose output has no reader need not be computed.
inline std::vector<std::uint32_t> count_readers(std::span<const node> nodes, std::span<const value_id> wanted) {
  std::vector<std::uint32_t> readers(nodes.size() + 1);
  for (const value_id v : wanted) ++readers[v];
  for (std::size_t i = nodes.size(); i-- > 0;)
    if (readers[i + 1] != 0)
      for (const value_id in : nodes[i].inputs)
        if (in != no_value) ++readers[in];
  return readers;
}

/// Whether node i's output is read by node i + 1 and by nothing else, so that the two may be computed at once.
inline bool feeds_only_next(std::span<const node> nodes, std::span<const std::uint32_t> readers, std::size_t i) {
  const auto output = static_cast<value_id>(i + 1);
  return i + 1 < nodes.size() && readers[output] == 1 && readers[output + 1] != 0 &&
         (nodes[i + 1].inputs[0] == output || nodes[i + 1].inputs[1] == output);
}

/// The values that nodes [first, first + count) read and do not compute: each once, in the order of the first read;
/// no_value in unused places.
/// count    small enough that there are at most two
inline std::array<value_id, 2> external_inputs(std::span<const node> nodes, std::size_t first, std::size_t count) {
  std::array<value_id, 2> found{no_value, no_value};
  std::size_t places = 0;
  for (const node& n : nodes.subspan(first, count))
    for (const value_id in : n.inputs)
      if (in != no_value && in <= first && std::find(found.begin(), found.end(), in) == found.end() && places < 2)
        found[places++] = in;
  return found;
}

MOBILENET_NAMESPACE_END
