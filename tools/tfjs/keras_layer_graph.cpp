#include "tfjs/keras_layer_graph.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace mobilenet::tools {
namespace {

constexpr unsigned deepest_nesting = 16;

/// A layer with the names of the layers whose outputs it reads.
struct node {
  keras_layer layer;
  json_value model;  // the layer as a model of its own, if it is one
  std::vector<std::string> inputs;
};

bool is_model(std::string_view class_name) {
  return class_name == "Model" || class_name == "Functional" || class_name == "Sequential";
}

// A reference to a tensor is ["name", 0, 0] or ["name", 0, 0, {}]; in Keras 3 an object that holds one.
std::optional<std::string> tensor_layer(const json_value& tensor) {
  const json_value history = tensor["config"]["keras_history"];
  const json_value reference = history ? history : tensor;
  if (!reference.is_array() || !reference[0].is_string()) return std::nullopt;
  return *reference[0].string();
}

// One reference or a list of them.
result<std::vector<std::string>> tensor_layers(const json_value& tensors) {
  if (auto one = tensor_layer(tensors)) return std::vector<std::string>{*std::move(one)};
  if (!tensors.is_array()) return tensors.wrong("an array of [layer, 0, 0]");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    auto one = tensor_layer(tensors[i]);
    if (!one) return tensors[i].wrong("an array of layer name, 0, 0");
    names.push_back(*std::move(one));
  }
  return names;
}

// inbound_nodes has an element for every time the layer is used.
result<std::vector<std::string>> read_inputs(const source_layer& layer, const json_value& inbound) {
  if (!inbound) return std::vector<std::string>{};
  if (!inbound.is_array()) return inbound.wrong("an array");
  if (inbound.size() == 0) return std::vector<std::string>{};
  if (inbound.size() > 1)
    return layer_error(layer, "it is used " + std::to_string(inbound.size()) + " times, expected once");
  const json_value use = inbound[0];
  if (!use.is_object()) return tensor_layers(use);

  const auto arguments = use["args"].array();  // Keras 3
  if (!arguments) return arguments.error();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < arguments->size(); ++i) {
    const auto of_argument = tensor_layers((*arguments)[i]);
    if (!of_argument) return of_argument.error();
    names.insert(names.end(), of_argument->begin(), of_argument->end());
  }
  for (const json_value& argument : use["kwargs"].members())  // tensors among them, and "training": false
    if (auto one = tensor_layer(argument)) names.push_back(*std::move(one));
  return names;
}

bool has_control_character(const std::string& name) {
  return std::any_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

result<node> read_node(const json_value& entry) {
  node made;
  if (const auto r = entry.object(); !r) return r.error();
  auto kind = entry["class_name"].string();
  if (!kind) return kind.error();
  made.layer.id.kind = *std::move(kind);
  made.layer.config = entry["config"];
  if (is_model(made.layer.id.kind)) made.model = entry;

  const json_value inner = made.layer.config["name"];
  const json_value outer = entry["name"];
  const json_value name_field = inner || !outer ? inner : outer;
  auto name = name_field.string();
  if (!name) return name.error();
  if (name->empty() || has_control_character(*name)) return name_field.wrong("a name of printable characters");
  if (inner && outer && (!outer.is_string() || *outer.string() != *name))
    return outer.wrong("\"" + excerpt(*name) + "\", the name in its config");
  made.layer.id.name = *std::move(name);
  if (made.layer.config && !made.layer.config.is_object() && !made.layer.config.is_array())
    return made.layer.config.wrong("an object");
  auto inputs = read_inputs(made.layer.id, entry["inbound_nodes"]);
  if (!inputs) return std::move(inputs).error();
  made.inputs = *std::move(inputs);
  return made;
}

result<std::vector<node>> read_nodes(const json_value& entries) {
  if (!entries.is_array() || entries.size() == 0) return entries.wrong("an array of layers");
  std::vector<node> nodes;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto made = read_node(entries[i]);
    if (!made) return std::move(made).error();
    nodes.push_back(*std::move(made));
  }
  return nodes;
}

result<chain_prefix<node>> functional_chain(std::vector<node> nodes, const json_value& config,
                                            bool (*is_known)(const std::string&)) {
  std::vector<chain_node> links;
  for (const node& n : nodes)
    links.push_back({n.layer.id, n.inputs, is_model(n.layer.id.kind) || is_known(n.layer.id.kind)});
  auto order = single_chain(links);
  if (!order) return std::move(order).error();
  chain_prefix<node> chain{{}, std::move(order->misfit)};
  for (const std::size_t i : order->nodes) chain.nodes.push_back(std::move(nodes[i]));

  // What comes after the output is not asked for.
  if (const json_value outputs = config["output_layers"]; outputs && !chain.misfit) {
    const auto names = tensor_layers(outputs);
    if (!names) return names.error();
    if (names->size() != 1) return outputs.wrong("one output");
    const auto last = std::find_if(chain.nodes.begin(), chain.nodes.end(),
                                   [&](const node& n) { return n.layer.id.name == names->front(); });
    if (last == chain.nodes.end())
      return error{errc::invalid_argument,
                   outputs.path() + ": '" + excerpt(names->front()) + "' is no layer of the model"};
    chain.nodes.erase(last + 1, chain.nodes.end());
  }
  return chain;
}

result<chain_prefix<keras_layer>> in_order(const json_value& model, bool (*is_known)(const std::string&),
                                           unsigned depth) {
  if (depth > deepest_nesting)
    return error{errc::unsupported,
                 model.path() + ": models nested more than " + std::to_string(deepest_nesting) + " deep"};
  const auto kind = model["class_name"].string();
  if (!kind) return kind.error();
  const json_value config = model["config"];
  const json_value entries = config.is_array() ? config : config["layers"];  // Keras 1: Sequential is an array
  auto nodes = read_nodes(entries);
  if (!nodes) return std::move(nodes).error();
  auto chain = *kind == "Sequential" ? chain_prefix<node>{*std::move(nodes), std::nullopt}
                                     : functional_chain(*std::move(nodes), config, is_known);
  if (!chain) return std::move(chain).error();

  chain_prefix<keras_layer> made;
  for (node& n : chain->nodes) {
    if (!n.model && is_known(n.layer.id.kind)) {
      made.nodes.push_back(std::move(n.layer));
      continue;
    }
    if (!n.model) {
      made.misfit = layer_error(n.layer.id, "not part of MobileNet v1");
      return made;
    }
    auto nested = in_order(n.model, is_known, depth + 1);
    if (!nested) return std::move(nested).error();
    std::move(nested->nodes.begin(), nested->nodes.end(), std::back_inserter(made.nodes));
    if (nested->misfit) {
      made.misfit = std::move(nested->misfit);
      return made;
    }
  }
  made.misfit = std::move(chain->misfit);
  return made;
}

}  // namespace

result<chain_prefix<keras_layer>> keras_layers_in_order(const json_value& model, bool (*is_known)(const std::string&)) {
  const auto kind = model["class_name"].string();
  if (!kind) return kind.error();
  if (!is_model(*kind)) return model["class_name"].wrong("Model, Functional or Sequential");
  return in_order(model, is_known, 0);
}

}  // namespace mobilenet::tools
