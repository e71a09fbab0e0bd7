// Which weight of the manifest is which variable of a Keras layer.
#pragma once

#include "tfjs/keras_layer_graph.hpp"
#include "tfjs/tfjs_model.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mobilenet::tools {

/// Finds weights by the names that Keras gave them, and keeps account of which were used.
///
/// A variable is "layer/kernel". Accepted as well, in this order, because files have them: a suffix ":0"; a
/// scope before the last part ("conv1/conv1/kernel"); a model's name in front ("mobilenet/conv1/kernel"); Keras 3's
/// numbers ("conv1/0"); and the place in a .keras file ("layers/conv2d/vars/0").
class keras_weights {
 public:
  explicit keras_weights(std::span<const tfjs_weight> weights);
  keras_weights(keras_weights&&) = default;

  /// variable   its name, "kernel"; `index` its number among the layer's variables
  /// errors     invalid_argument: missing or ambiguous; shape_mismatch
  result<std::vector<float>> take(const keras_layer& layer, std::string_view variable, std::size_t index,
                                  std::span<const std::uint32_t> shape);
  /// Whether there is such a weight.
  bool has(const keras_layer& layer, std::string_view variable);
  /// unneeded   names of layers whose weights are left over because the output does not need them
  /// errors     invalid_argument: names the first weight that no layer took
  result<void> check_all_taken(const std::vector<std::string>& unneeded) const;

 private:
  struct entry {
    const tfjs_weight* weight;
    std::string name;       // without ":0"
    std::string shortened;  // without the part before the last: "conv1/kernel" of "conv1/conv1/kernel"
    bool taken = false;
  };
  using name_index = std::unordered_map<std::string_view, std::vector<entry*>>;
  static void index_ends(std::string_view name, entry& e, name_index& ends);
  result<entry*> find(const std::string& variable, const std::string& numbered, const std::string& placed);

  std::vector<entry> entries_;  // the indices below point into it: filled once, then only moved
  name_index by_name_;
  name_index by_shortened_;
  name_index by_end_;  // what follows a '/', up to the end
  name_index by_shortened_end_;
};

}  // namespace mobilenet::tools
