#include "tfjs/keras_layer_graph.hpp"

#include "tfjs/execution_order.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace mobilenet::tools {
namespace {

constexpr unsigned deepest_nesting = 16;

/// A layer with the names of the layers whose outputs it reads.
struct node {
  layer_origin id;
  keras_object config;
  json_value model;  // the layer as a model of its own, if it is one
  std::vector<std::string> inputs;
  std::string place;  // as a .keras file names it
};

bool is_model(std::string_view class_name) {
  return class_name == "Model" || class_name == "Functional" || class_name == "Sequential";
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "'" : ", '") + excerpt(name) + "'";
  return all;
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
result<std::vector<std::string>> read_inputs(const layer_origin& layer, const json_value& inbound) {
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
  const keras_object fields(entry);
  auto kind = fields["class_name"].string();
  if (!kind) return kind.error();
  made.id.kind = *std::move(kind);
  made.config = keras_object(fields["config"]);
  if (is_model(made.id.kind)) made.model = entry;

  const json_value inner = made.config["name"];
  const json_value outer = entry["name"];
  const json_value name_field = inner || !outer ? inner : outer;
  auto name = name_field.string();
  if (!name) return name.error();
  if (name->empty() || has_control_character(*name)) return name_field.wrong("a name of printable characters");
  if (inner && outer && (!outer.is_string() || *outer.string() != *name))
    return outer.wrong("\"" + excerpt(*name) + "\", the name in its config");
  made.id.name = *std::move(name);
  if (const json_value& config = made.config.value(); config && !config.is_object() && !config.is_array())
    return config.wrong("an object");
  auto inputs = read_inputs(made.id, fields["inbound_nodes"]);
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

// The layer that is a model's output.
result<std::size_t> output_of(const std::vector<node>& nodes, const keras_object& config, const std::string& wanted) {
  const json_value outputs = config["output_layers"];
  if (!outputs) return nodes.size() - 1;
  const auto names = tensor_layers(outputs);
  if (!names) return names.error();
  std::string name = wanted;
  if (wanted.empty()) {
    if (names->empty()) return outputs.wrong("one output");
    if (names->size() > 1)
      return error{errc::unsupported, "the model has " + std::to_string(names->size()) + " outputs (" +
                                          quoted_list(*names) + "): choose one with --output NAME"};
    name = names->front();
  } else if (std::find(names->begin(), names->end(), wanted) == names->end()) {
    return error{errc::invalid_argument,
                 "the model has no output '" + excerpt(wanted) + "', expected " + quoted_list(*names)};
  }
  const auto last = std::find_if(nodes.begin(), nodes.end(), [&](const node& n) { return n.id.name == name; });
  if (last == nodes.end())
    return error{errc::invalid_argument, outputs.path() + ": '" + excerpt(name) + "' is not a layer of the model"};
  return static_cast<std::size_t>(last - nodes.begin());
}

// "BatchNormalization" as "batch_normalization", "Conv2D" as "conv2d": Keras's to_snake_case().
std::string snake_case(const std::string& name) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  std::string made;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool word = upper(name[i]) && i > 0 && (lower(name[i - 1]) || (i + 1 < name.size() && lower(name[i + 1])));
    if (word) made += '_';
    made += upper(name[i]) ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
  }
  return made;
}

// A .keras file numbers the layers of each class, in the order of the list.
void set_places(std::vector<node>& nodes, const std::string& model) {
  std::unordered_map<std::string, unsigned> used;
  for (node& n : nodes) {
    const std::string name = snake_case(n.id.kind);
    const unsigned number = used[name]++;
    n.place = model;
    n.place.append("layers/").append(name);
    if (number != 0) n.place.append("_").append(std::to_string(number));
  }
}

/// Appends the layers of a model, and of the models in it, to one list.
class flattener {
 public:
  // place    the model's own, as a .keras file names it
  // in       the layer that the model reads; `none`: it is the outermost model
  // returns  the layer that is the model's output
  result<std::size_t> append(const json_value& model, const std::string& output, const std::string& place,
                             std::size_t in, unsigned depth) {
    if (depth > deepest_nesting)
      return error{errc::unsupported,
                   model.path() + ": models nested more than " + std::to_string(deepest_nesting) + " deep"};
    const keras_object fields(model);
    const auto kind = fields["class_name"].string();
    if (!kind) return kind.error();
    const keras_object config(fields["config"]);
    const json_value entries =
        config.value().is_array() ? config.value() : config["layers"];  // Keras 1: Sequential is an array
    auto nodes = read_nodes(entries);
    if (!nodes) return std::move(nodes).error();
    set_places(*nodes, place);
    return *kind == "Sequential" ? append_sequence(*nodes, in, depth)
                                 : append_functional(*nodes, config, output, in, depth);
  }

  keras_layers take() && {
    for (const keras_layer& layer : made_.in_order)
      for (const std::size_t input : layer.inputs) ++made_.in_order[input].readers;
    return std::move(made_);
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

 private:
  result<std::size_t> append_sequence(const std::vector<node>& nodes, std::size_t in, unsigned depth) {
    std::size_t last = in;
    for (const node& n : nodes) {
      auto appended = append_node(n, last == none ? std::vector<std::size_t>{} : std::vector{last}, depth);
      if (!appended) return appended;
      last = *appended;
    }
    return last;
  }

  result<std::size_t> append_functional(const std::vector<node>& nodes, const keras_object& config,
                                        const std::string& output, std::size_t in, unsigned depth) {
    std::vector<named_operation> operations;
    operations.reserve(nodes.size());
    for (const node& n : nodes) operations.push_back({n.id, n.inputs});
    const auto inputs = link(operations);
    if (!inputs) return inputs.error();
    const auto last = output_of(nodes, config, output);
    if (!last) return last.error();
    const auto needed = execution_of(operations, *inputs, *last);
    if (!needed) return needed.error();

    std::vector<std::size_t> place(nodes.size(), none);
    std::size_t entries = 0;
    for (const std::size_t i : needed->order) {
      std::vector<std::size_t> reads;
      for (const std::size_t input : (*inputs)[i]) reads.push_back(place[input]);
      if (reads.empty()) {
        if (nodes[i].id.kind != "InputLayer")
          return layer_error(nodes[i].id, "it has 0 inputs, expected 1", errc::invalid_argument);
        if (++entries > 1) return does_not_fit(nodes[i].id, "the model may have one input only");
        if (in != none) reads.push_back(in);
      }
      auto appended = append_node(nodes[i], std::move(reads), depth);
      if (!appended) return appended;
      place[i] = *appended;
    }
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (place[i] == none) made_.unneeded.push_back(nodes[i].id.name);
    return place[*last];
  }

  result<std::size_t> append_node(const node& n, std::vector<std::size_t> reads, unsigned depth) {
    if (!n.model) {
      made_.in_order.push_back({n.id, n.config, std::move(reads), 0, n.place});
      return made_.in_order.size() - 1;
    }
    if (reads.size() > 1) return layer_error(n.id, "it has " + std::to_string(reads.size()) + " inputs, expected 1");
    return append(n.model, {}, n.place + "/", reads.empty() ? none : reads[0], depth + 1);
  }

  keras_layers made_;
};

}  // namespace

json_value keras_object::operator[](std::string_view key) const {
  json_value found = value_[key];
  if (found || key.find('_') == key.npos) return found;
  std::string camel;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const bool upper = key[i] == '_' && i + 1 < key.size();
    camel += upper ? static_cast<char>(key[++i] - 'a' + 'A') : key[i];
  }
  const json_value other = value_[camel];
  return other ? other : found;
}

result<keras_layers> read_keras_layers(const json_value& model, const std::string& output) {
  const json_value class_name = keras_object(model)["class_name"];
  const auto kind = class_name.string();
  if (!kind) return kind.error();
  if (!is_model(*kind)) return class_name.wrong("Model, Functional or Sequential");
  flattener flat;
  const auto last = flat.append(model, output, "", flattener::none, 0);
  if (!last) return last.error();
  keras_layers made = std::move(flat).take();
  if (*last == flattener::none) return model.wrong("layers");
  ++made.in_order[*last].readers;
  return made;
}

}  // namespace mobilenet::tools
