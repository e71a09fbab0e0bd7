#include "tfjs/execution_order.hpp"

#include "tfjs/json_value.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace mobilenet::tools {

result<operation_inputs> link(const std::vector<named_operation>& operations) {
  std::unordered_map<std::string_view, std::size_t> number;
  for (std::size_t i = 0; i < operations.size(); ++i)
    if (!number.emplace(operations[i].origin.name, i).second)
      return layer_error(operations[i].origin, "there are two of this name", errc::invalid_argument);

  operation_inputs inputs(operations.size());
  for (std::size_t i = 0; i < operations.size(); ++i)
    for (const std::string& name : operations[i].inputs) {
      const auto input = number.find(name);
      if (input == number.end())
        return layer_error(operations[i].origin, "its input '" + excerpt(name) + "' is not part of the model",
                           errc::invalid_argument);
      inputs[i].push_back(input->second);
    }
  return inputs;
}

result<execution> execution_of(const std::vector<named_operation>& operations, const operation_inputs& inputs,
                               std::size_t output) {
  std::vector<bool> needed(inputs.size());
  std::vector<std::size_t> to_visit{output};
  needed[output] = true;
  while (!to_visit.empty()) {
    const std::size_t i = to_visit.back();
    to_visit.pop_back();
    for (const std::size_t input : inputs[i])
      if (!needed[input]) {
        needed[input] = true;
        to_visit.push_back(input);
      }
  }

  // Kahn's algorithm; of the operations that are ready, the first in the order given.
  execution made;
  made.readers.resize(inputs.size());
  made.readers[output] = 1;
  std::vector<std::size_t> missing(inputs.size());
  std::vector<std::vector<std::size_t>> followers(inputs.size());
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  std::size_t count = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!needed[i]) continue;
    ++count;
    missing[i] = inputs[i].size();
    for (const std::size_t input : inputs[i]) {
      followers[input].push_back(i);
      ++made.readers[input];
    }
    if (missing[i] == 0) ready.push(i);
  }
  while (!ready.empty()) {
    const std::size_t i = ready.top();
    ready.pop();
    made.order.push_back(i);
    for (const std::size_t follower : followers[i])
      if (--missing[follower] == 0) ready.push(follower);
  }
  if (made.order.size() == count) return made;

  // Every remaining operation has a remaining input, so following inputs reaches a cycle.
  std::size_t at = output;
  for (std::size_t step = 0; step < count; ++step)
    at = *std::find_if(inputs[at].begin(), inputs[at].end(), [&](std::size_t i) { return missing[i] != 0; });
  return layer_error(operations[at].origin, "it needs its own output as input: a cycle", errc::invalid_argument);
}

}  // namespace mobilenet::tools
