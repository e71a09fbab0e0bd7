#include "tfjs/single_chain.hpp"

#include "tfjs/json_value.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace mobilenet::tools {
namespace {

/// The same by number, in both directions.
struct links {
  std::vector<std::vector<std::size_t>> inputs;
  std::vector<std::vector<std::size_t>> followers;
};

result<links> link(const std::vector<chain_node>& nodes) {
  std::unordered_map<std::string_view, std::size_t> number;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!number.emplace(nodes[i].id.name, i).second)
      return layer_error(nodes[i].id, "there are two of this name", errc::invalid_argument);
  links made;
  made.inputs.resize(nodes.size());
  made.followers.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (const std::string& name : nodes[i].inputs) {
      const auto input = number.find(name);
      if (input == number.end())
        return layer_error(nodes[i].id, "its input '" + excerpt(name) + "' is not part of the model",
                           errc::invalid_argument);
      made.inputs[i].push_back(input->second);
      made.followers[input->second].push_back(i);
    }
  return made;
}

// Every node after its inputs, and otherwise in the order given (Kahn's algorithm).
result<std::vector<std::size_t>> order_of(const std::vector<chain_node>& nodes, const links& l) {
  std::vector<std::size_t> missing(nodes.size());
  std::deque<std::size_t> ready;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    missing[i] = l.inputs[i].size();
    if (missing[i] == 0) ready.push_back(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t i = ready.front();
    ready.pop_front();
    order.push_back(i);
    for (const std::size_t follower : l.followers[i])
      if (--missing[follower] == 0) ready.push_back(follower);
  }
  if (order.size() == nodes.size()) return order;

  // Whoever still waits has an input that waits too: walking back among them ends up on the cycle.
  std::size_t at = 0;
  while (missing[at] == 0) ++at;
  for (std::size_t step = 0; step < nodes.size(); ++step)
    at = *std::find_if(l.inputs[at].begin(), l.inputs[at].end(), [&](std::size_t i) { return missing[i] != 0; });
  return layer_error(nodes[at].id, "it needs its own output as input: a cycle", errc::invalid_argument);
}

std::optional<error> misfit(const std::vector<chain_node>& nodes, const links& l,
                            const std::vector<std::size_t>& order) {
  for (const std::size_t i : order)
    if (!nodes[i].known) return layer_error(nodes[i].id, "not part of MobileNet v1");
  for (const std::size_t i : order) {
    const std::size_t inputs = l.inputs[i].size();
    const std::size_t expected = i == order.front() ? 0 : 1;
    if (inputs != expected)
      return layer_error(nodes[i].id, "it has " + std::to_string(inputs) + (inputs == 1 ? " input" : " inputs") +
                                          ", expected " + std::to_string(expected));
  }
  for (const std::size_t i : order)
    if (const auto& followers = l.followers[i]; followers.size() > 1)
      return layer_error(nodes[followers[1]].id, "not part of MobileNet v1: it branches off after '" +
                                                     excerpt(nodes[i].id.name) + "', where '" +
                                                     excerpt(nodes[followers[0]].id.name) + "' follows already");
  return std::nullopt;
}

}  // namespace

result<chain_prefix<std::size_t>> single_chain(const std::vector<chain_node>& nodes) {
  const auto linked = link(nodes);
  if (!linked) return linked.error();
  auto order = order_of(nodes, *linked);
  if (!order) return std::move(order).error();
  chain_prefix<std::size_t> made{{}, misfit(nodes, *linked, *order)};
  for (const std::size_t i : *order) {
    const auto& inputs = linked->inputs[i];
    const bool follows = made.nodes.empty() ? inputs.empty() : inputs.size() == 1 && inputs[0] == made.nodes.back();
    if (!nodes[i].known || !follows) break;
    made.nodes.push_back(i);
  }
  return made;
}

}  // namespace mobilenet::tools
