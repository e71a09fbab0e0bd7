#include "tfjs/graph_topology.hpp"

#include "tfjs/execution_order.hpp"
#include "tfjs/graph_node.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace mobilenet::tools {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// All nodes and weights by name.
class graph {
 public:
  static result<graph> read(const tfjs_model& model) {
    graph made;
    const auto entries = model.topology()["node"].array();
    if (!entries) return entries.error();
    made.nodes_.reserve(entries->size());
    for (std::size_t i = 0; i < entries->size(); ++i) {
      auto node = graph_node::read((*entries)[i]);
      if (!node) return std::move(node).error();
      made.nodes_.push_back(*std::move(node));
    }
    for (const graph_node& node : made.nodes_)
      if (!made.by_name_.emplace(node.name(), &node).second)
        return layer_error(node.id(), "there are two of this name", errc::invalid_argument);
    for (const tfjs_weight& weight : model.weights()) made.weights_.emplace(weight.name, &weight);
    made.find_constants();
    return made;
  }

  const std::vector<graph_node>& nodes() const { return nodes_; }

  const graph_node* find(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }

  /// The Const that a name means, also through nodes that only pass it on; null if it is not one.
  const graph_node* constant(const std::string& name) const {
    const graph_node* node = find(name);
    return node == nullptr ? nullptr : constants_[static_cast<std::size_t>(node - nodes_.data())];
  }

  const tfjs_weight* weight(const std::string& name) const {
    const auto found = weights_.find(name);
    return found == weights_.end() ? nullptr : found->second;
  }

 private:
  // Follows the nodes that pass their input on, each once, however many there are.
  void find_constants() {
    constants_.resize(nodes_.size());
    std::vector<bool> known(nodes_.size());
    std::vector<std::size_t> path;
    for (const graph_node& start : nodes_) {
      path.clear();
      const graph_node* found = nullptr;
      for (const graph_node* node = &start; node != nullptr;) {
        const auto i = static_cast<std::size_t>(node - nodes_.data());
        if (known[i]) {
          found = constants_[i];  // null if the path runs in a circle
          break;
        }
        known[i] = true;
        path.push_back(i);
        if (node->op() == "Const") found = node;
        node = passes_on(*node) ? find(node->inputs()[0]) : nullptr;
      }
      for (const std::size_t i : path) constants_[i] = found;
    }
  }
  static bool passes_on(const graph_node& node) {
    return (node.op() == "Identity" || node.op() == "StopGradient" || node.op() == "CheckNumerics") &&
           node.inputs().size() == 1;
  }

  std::vector<graph_node> nodes_;             // by_name_ points into it: filled once, then only moved
  std::vector<const graph_node*> constants_;  // that each node passes on, or null
  std::unordered_map<std::string, const graph_node*> by_name_;
  std::unordered_map<std::string, const tfjs_weight*> weights_;
};

struct reader {
  const graph& source;
  network_builder builder;
};

// Reads a node of one input that is computed, the others being constants; returns what the node computes.
using handler = result<activation> (*)(reader&, const graph_node&, activation);

// The constant that a node reads as its input number `index`.
result<const tfjs_weight*> constant(const reader& r, const graph_node& node, std::size_t index) {
  if (index >= node.inputs().size())
    return layer_error(
        node.id(),
        "it has " + std::to_string(node.inputs().size()) + " inputs, expected at least " + std::to_string(index + 1),
        errc::invalid_argument);
  const graph_node* found = r.source.constant(node.inputs()[index]);
  if (found == nullptr)
    return layer_error(node.id(), "its input '" + excerpt(node.inputs()[index]) + "' is computed, expected a constant");
  const tfjs_weight* weight = r.source.weight(found->name());
  if (weight == nullptr)
    return error{errc::invalid_argument, "weight '" + excerpt(found->name()) + "' is missing from weightsManifest"};
  return weight;
}

error wrong_shape(const tfjs_weight& weight, const std::string& expected) {
  return {errc::shape_mismatch,
          "weight '" + excerpt(weight.name) + "' has shape " + to_string(weight.shape) + ", expected " + expected};
}

// One value for each channel.
result<std::vector<float>> per_channel(const reader& r, const graph_node& node, std::size_t index,
                                       const activation& in) {
  const auto weight = constant(r, node, index);
  if (!weight) return weight.error();
  const std::uint64_t channels = in.last_dimension();
  if ((*weight)->elements() != channels || (*weight)->shape.empty() || (*weight)->shape.back() != channels)
    return wrong_shape(**weight, "[" + std::to_string(channels) + "]");
  return (*weight)->values();
}

result<std::vector<std::int64_t>> integers(const reader& r, const graph_node& node, std::size_t index) {
  const auto weight = constant(r, node, index);
  if (!weight) return weight.error();
  if (!(*weight)->integers)
    return layer_error(node.id(), "its input '" + excerpt((*weight)->name) + "' holds no integers",
                       errc::invalid_argument);
  std::vector<std::int64_t> values;
  for (const float v : (*weight)->values()) values.push_back(static_cast<std::int64_t>(v));
  return values;
}

result<void> check_layout(const graph_node& node) {
  const auto format = node.text("data_format", "NHWC");
  if (!format) return format.error();
  if (*format == "NHWC") return {};
  return layer_error(node.id(), "data_format is " + excerpt(*format) + ", expected NHWC");
}

// Four numbers for [batch, height, width, channels], of which the middle ones count.
result<std::array<std::int64_t, 2>> height_and_width(const graph_node& node, std::string_view key,
                                                     std::optional<std::int64_t> standard) {
  const auto list = node.integers(key);
  if (!list) return list.error();
  if (list->empty() && standard) return std::array{*standard, *standard};
  if (list->size() != 4 || (*list)[0] != 1 || (*list)[3] != 1 || (*list)[1] < 1 || (*list)[2] < 1 ||
      (*list)[1] > format::max_dimension || (*list)[2] > format::max_dimension)
    return node.attribute(key)["list"]["i"].wrong("1, height, width, 1");
  return std::array{(*list)[1], (*list)[2]};
}

result<source_window> read_window(const graph_node& node, const tfjs_weight& kernel) {
  if (auto ok = check_layout(node); !ok) return std::move(ok).error();
  const auto dilations = height_and_width(node, "dilations", 1);
  if (!dilations) return dilations.error();
  if ((*dilations)[0] != 1 || (*dilations)[1] != 1) return node.attribute("dilations")["list"]["i"].wrong("1, 1, 1, 1");
  const auto strides = height_and_width(node, "strides", std::nullopt);
  if (!strides) return strides.error();
  if ((*strides)[0] != (*strides)[1]) return node.attribute("strides")["list"]["i"].wrong("equal strides");

  source_window w;
  w.kernel_height = kernel.shape[0];
  w.kernel_width = kernel.shape[1];
  w.stride = static_cast<std::uint32_t>((*strides)[0]);
  const auto padding = node.text("padding", "");
  if (!padding) return padding.error();
  if (*padding == "SAME") {
    w.same = true;
  } else if (*padding == "EXPLICIT") {
    const auto pads = node.integers("explicit_paddings");
    if (!pads) return pads.error();
    const bool right = pads->size() == 8 && (*pads)[0] == 0 && (*pads)[1] == 0 && (*pads)[6] == 0 && (*pads)[7] == 0 &&
                       std::all_of(pads->begin(), pads->end(), [](std::int64_t n) { return n >= 0 && n <= 1024; });
    if (!right) return node.attribute("explicit_paddings")["list"]["i"].wrong("0, 0, top, bottom, left, right, 0, 0");
    const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>((*pads)[i]); };
    w.pad = {at(2), at(4), at(3), at(5)};
  } else if (*padding != "VALID") {
    return layer_error(node.id(), "padding is \"" + excerpt(*padding) + "\", expected SAME, VALID or EXPLICIT",
                       errc::invalid_argument);
  }
  return w;
}

result<activation> convolve(reader& r, const graph_node& node, activation in) {
  const auto kernel = constant(r, node, 1);
  if (!kernel) return kernel.error();
  const auto& shape = (*kernel)->shape;
  const std::string channels = std::to_string(in.dimensions().channels);
  if (shape.size() != 4 || shape[2] != in.dimensions().channels)
    return wrong_shape(**kernel, "[height, width, " + channels + ", outputs]");
  const auto w = read_window(node, **kernel);
  if (!w) return w.error();
  return r.builder.convolution(node.id(), std::move(in), *w, shape[3], (*kernel)->values());
}

result<activation> convolve_depthwise(reader& r, const graph_node& node, activation in) {
  const auto kernel = constant(r, node, 1);
  if (!kernel) return kernel.error();
  const auto& shape = (*kernel)->shape;
  const std::string channels = std::to_string(in.dimensions().channels);
  if (shape.size() != 4 || shape[2] != in.dimensions().channels || shape[3] != 1)
    return wrong_shape(**kernel, "[height, width, " + channels + ", 1]");
  const auto w = read_window(node, **kernel);
  if (!w) return w.error();
  return r.builder.depthwise_convolution(node.id(), std::move(in), *w, (*kernel)->values());
}

result<activation> multiply_matrix(reader& r, const graph_node& node, activation in) {
  const auto kernel = constant(r, node, 1);
  if (!kernel) return kernel.error();
  const auto transpose_a = node.flag("transpose_a");
  const auto transpose_b = node.flag("transpose_b");
  if (!transpose_a || !transpose_b || *transpose_a)
    return layer_error(node.id(), "transpose_a is set, expected a matrix of one row");
  const std::uint64_t inputs = in.last_dimension();
  const auto& shape = (*kernel)->shape;
  if (shape.size() != 2 || shape[*transpose_b ? 1 : 0] != inputs)
    return wrong_shape(**kernel, *transpose_b ? "[outputs, " + std::to_string(inputs) + "]"
                                              : "[" + std::to_string(inputs) + ", outputs]");
  std::vector<float> values = (*kernel)->values();
  const std::size_t out = shape[*transpose_b ? 0 : 1];
  if (*transpose_b) {
    std::vector<float> turned(values.size());
    for (std::size_t o = 0; o < out; ++o)
      for (std::size_t i = 0; i < shape[1]; ++i) turned[i * out + o] = values[o * shape[1] + i];
    values = std::move(turned);
  }
  return r.builder.dense(node.id(), std::move(in), static_cast<std::uint32_t>(out), values);
}

// fused_ops lists what is done to the result: a bias first, an activation last.
result<activation> apply_fused(reader& r, const graph_node& node, activation in) {
  const auto operations = node.texts("fused_ops");
  if (!operations) return operations.error();
  for (std::size_t i = 0; i < operations->size(); ++i) {
    const std::string& op = (*operations)[i];
    if (i == 0 && (op == "RELU" || op == "RELU6"))  // TensorFlow.js passes over an activation in this place
      return layer_error(node.id(), "fused_ops begins with \"" + excerpt(op) + "\", expected BiasAdd or NoOp");
    result<activation> done = in;
    if (op == "BIASADD") {
      const auto bias = per_channel(r, node, 2, in);
      if (!bias) return bias.error();
      done = r.builder.offset(node.id(), std::move(in), *bias);
    } else if (op == "RELU6") {
      done = r.builder.clamp(node.id(), std::move(in), layers::relu6);
    } else if (op == "RELU") {
      done = r.builder.clamp(node.id(), std::move(in), layers::relu);
    } else if (op != "NOOP") {
      done = layer_error(node.id(), "fused_ops holds \"" + excerpt(op) + "\", expected BiasAdd, Relu6, Relu or NoOp");
    }
    if (!done) return done;
    in = *std::move(done);
  }
  return in;
}

template <handler operation>
result<activation> fused(reader& r, const graph_node& node, activation in) {
  auto made = operation(r, node, std::move(in));
  if (!made) return made;
  return apply_fused(r, node, *std::move(made));
}

result<activation> bias_add(reader& r, const graph_node& node, activation in) {
  if (auto ok = check_layout(node); !ok) return std::move(ok).error();
  const auto bias = per_channel(r, node, 1, in);
  if (!bias) return bias.error();
  return r.builder.offset(node.id(), std::move(in), *bias);
}

// Which of two inputs is the constant: x * 2 and 2 * x are the same.
std::size_t constant_operand(const reader& r, const graph_node& node) {
  return node.inputs().size() == 2 && r.source.constant(node.inputs()[0]) != nullptr ? 0 : 1;
}

// x * c, x / c, x + c, x - c with a constant c: one number, or one for each channel.
template <class ScaleOf, class OffsetOf>
result<activation> arithmetic(reader& r, const graph_node& node, activation in, std::size_t operand, ScaleOf scale_of,
                              OffsetOf offset_of) {
  const auto weight = constant(r, node, operand);
  if (!weight) return weight.error();
  if ((*weight)->elements() == 1) {
    const double c = static_cast<double>((*weight)->values()[0]);
    return r.builder.scale_and_offset(node.id(), std::move(in), scale_of(c), offset_of(c));
  }
  const auto values = per_channel(r, node, operand, in);
  if (!values) return values.error();
  std::vector<double> scale, offset;
  for (const float c : *values) {
    scale.push_back(scale_of(static_cast<double>(c)));
    offset.push_back(offset_of(static_cast<double>(c)));
  }
  return r.builder.scale_and_offset(node.id(), std::move(in), scale, offset);
}

constexpr auto one = [](double) { return 1.0; };
constexpr auto zero = [](double) { return 0.0; };
constexpr auto same = [](double c) { return c; };
constexpr auto negative = [](double c) { return -c; };

result<activation> multiply(reader& r, const graph_node& node, activation in) {
  return arithmetic(r, node, std::move(in), constant_operand(r, node), same, zero);
}
result<activation> add(reader& r, const graph_node& node, activation in) {
  return arithmetic(r, node, std::move(in), constant_operand(r, node), one, same);
}
result<activation> subtract(reader& r, const graph_node& node, activation in) {
  return arithmetic(r, node, std::move(in), 1, one, negative);
}
result<activation> divide(reader& r, const graph_node& node, activation in) {
  return arithmetic(
      r, node, std::move(in), 1, [](double c) { return 1.0 / c; }, zero);
}

result<activation> batch_norm(reader& r, const graph_node& node, activation in) {
  if (auto ok = check_layout(node); !ok) return std::move(ok).error();
  const auto epsilon = node.number("epsilon", 1e-3);
  if (!epsilon) return epsilon.error();
  std::array<std::vector<float>, 4> given;  // gamma, beta, mean, variance
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto values = per_channel(r, node, i + 1, in);
    if (!values) return std::move(values).error();
    given[i] = *std::move(values);
  }
  std::vector<double> scale, offset;
  for (std::size_t c = 0; c < given[0].size(); ++c) {
    const double shifted = static_cast<double>(given[3][c]) + *epsilon;
    if (!(shifted > 0.0))
      return layer_error(
          node.id(),
          "variance[" + std::to_string(c) + "] + epsilon is " + std::to_string(shifted) + ", expected more than 0",
          errc::invalid_argument);
    scale.push_back(static_cast<double>(given[0][c]) / std::sqrt(shifted));
    offset.push_back(static_cast<double>(given[1][c]) - static_cast<double>(given[2][c]) * scale.back());
  }
  return r.builder.scale_and_offset(node.id(), std::move(in), scale, offset);
}

result<activation> relu(reader& r, const graph_node& node, activation in) {
  return r.builder.clamp(node.id(), std::move(in), layers::relu);
}
result<activation> relu6(reader& r, const graph_node& node, activation in) {
  return r.builder.clamp(node.id(), std::move(in), layers::relu6);
}

result<float> bound(const reader& r, const graph_node& node, std::size_t operand) {
  const auto weight = constant(r, node, operand);
  if (!weight) return weight.error();
  if ((*weight)->elements() != 1) return wrong_shape(**weight, "one number");
  const float value = (*weight)->values()[0];
  if (std::isnan(value)) return layer_error(node.id(), "its bound is not a number", errc::invalid_argument);
  return value;
}
result<activation> minimum(reader& r, const graph_node& node, activation in) {
  const auto high = bound(r, node, constant_operand(r, node));
  if (!high) return high.error();
  return r.builder.clamp(node.id(), std::move(in), {-infinity, *high});
}
result<activation> maximum(reader& r, const graph_node& node, activation in) {
  const auto low = bound(r, node, constant_operand(r, node));
  if (!low) return low.error();
  return r.builder.clamp(node.id(), std::move(in), {*low, infinity});
}

result<activation> clip(reader& r, const graph_node& node, activation in) {
  const auto low = bound(r, node, 1);
  if (!low) return low.error();
  const auto high = bound(r, node, 2);
  if (!high) return high.error();
  if (*low > *high) return layer_error(node.id(), "its bounds are not in order", errc::invalid_argument);
  return r.builder.clamp(node.id(), std::move(in), {*low, *high});
}

result<activation> pad(reader& r, const graph_node& node, activation in) {
  const auto pads = integers(r, node, 1);
  if (!pads) return pads.error();
  const bool right = pads->size() == 8 && (*pads)[0] == 0 && (*pads)[1] == 0 && (*pads)[6] == 0 && (*pads)[7] == 0 &&
                     std::all_of(pads->begin(), pads->end(), [](std::int64_t n) { return n >= 0 && n <= 1024; });
  if (!right) return does_not_fit(node.id(), "it pads more than height and width");
  if (node.inputs().size() > 2) {  // PadV2
    const auto value = constant(r, node, 2);
    if (!value) return value.error();
    if ((*value)->elements() != 1 || (*value)->values()[0] != 0.0f)
      return does_not_fit(node.id(), "it pads with other values than 0");
  }
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>((*pads)[i]); };
  return r.builder.pad(node.id(), std::move(in), {at(2), at(4), at(3), at(5)});
}

using pooling = result<activation> (network_builder::*)(const layer_origin&, activation);
constexpr auto average = &network_builder::global_average_pool;
constexpr auto maximum_of = &network_builder::global_max_pool;

// Mean and Max, over height and width.
template <pooling pool>
result<activation> reduce(reader& r, const graph_node& node, activation in) {
  auto axes = integers(r, node, 1);
  if (!axes) return axes.error();
  for (std::int64_t& axis : *axes) axis += axis < 0 ? 4 : 0;
  std::sort(axes->begin(), axes->end());
  if (*axes != std::vector<std::int64_t>{1, 2})
    return does_not_fit(node.id(), "it reduces other axes than height and width");
  return (r.builder.*pool)(node.id(), std::move(in));
}

template <pooling pool>
result<activation> window_pool(reader& r, const graph_node& node, activation in) {
  if (auto ok = check_layout(node); !ok) return std::move(ok).error();
  const auto size = height_and_width(node, "ksize", std::nullopt);
  if (!size) return size.error();
  const auto padding = node.text("padding", "");
  if (!padding) return padding.error();
  const auto strides = height_and_width(node, "strides", 1);
  if (!strides) return strides.error();
  const shape whole = in.dimensions();
  // SAME pads nothing if the first window is the only one.
  const bool alone =
      *padding == "VALID" || (*padding == "SAME" && (*strides)[0] >= whole.height && (*strides)[1] >= whole.width);
  if ((*size)[0] != whole.height || (*size)[1] != whole.width || !alone)
    return does_not_fit(node.id(), "its window is not the whole " + std::to_string(whole.height) + "x" +
                                       std::to_string(whole.width) + " of its input");
  return (r.builder.*pool)(node.id(), std::move(in));
}

// Removes dimensions of 1: after the pooling that leaves the vector of channels.
result<activation> squeeze(reader& r, const graph_node& node, activation in) {
  if (!in.is_vector()) return does_not_fit(node.id(), "it takes dimensions away from " + to_string(in.dimensions()));
  return r.builder.flatten(node.id(), std::move(in));
}

// Whether a vector of `elements` keeps them in its last dimension: [-1], [5], [-1, 5], [1, 1, -1]. A softmax
// over another dimension would be something else.
bool keeps_vector(const std::vector<std::int64_t>& target, std::int64_t elements) {
  if (target.empty() || (target.back() != -1 && target.back() != elements)) return false;
  return std::count(target.begin(), target.end(), std::int64_t{-1}) <= 1 &&
         std::all_of(target.begin(), target.end() - 1, [](std::int64_t d) { return d == 1 || d == -1; });
}

// The shape may be computed from the batch's size, but there is only one vector that a vector can become.
result<activation> reshape(reader& r, const graph_node& node, activation in) {
  const shape given = in.dimensions();
  if (node.inputs().size() < 2 || r.source.constant(node.inputs()[1]) == nullptr) {
    if (!in.is_vector()) return does_not_fit(node.id(), "a shape that is computed, for " + to_string(given));
    return r.builder.flatten(node.id(), std::move(in));
  }
  const auto target = integers(r, node, 1);
  if (!target) return target.error();

  const auto elements = static_cast<std::int64_t>(given.elements());
  const bool unambiguous = std::count(target->begin(), target->end(), std::int64_t{-1}) <= 1;
  if (in.is_vector() && keeps_vector(*target, elements)) return r.builder.flatten(node.id(), std::move(in));
  const std::vector<std::int64_t> rest(target->empty() ? target->begin() : target->begin() + 1, target->end());
  if (unambiguous && rest.size() == 1 && (rest[0] == -1 || rest[0] == elements))
    return r.builder.flatten(node.id(), std::move(in));

  const std::array<std::int64_t, 3> own{given.height, given.width, given.channels};
  const bool same_shape = unambiguous && rest.size() == own.size() &&
                          std::equal(rest.begin(), rest.end(), own.begin(),
                                     [](std::int64_t d, std::int64_t o) { return d == o || d == -1; });
  if (!same_shape) return does_not_fit(node.id(), "it gives " + to_string(given) + " another shape");
  return r.builder.identity(node.id(), std::move(in));
}

result<activation> softmax(reader& r, const graph_node& node, activation in) {
  return r.builder.softmax(node.id(), std::move(in));
}

template <layers::function f>
result<activation> function(reader& r, const graph_node& node, activation in) {
  return r.builder.apply(node.id(), std::move(in), f, f == layers::function::elu ? 1.0 : 0.0);
}

result<activation> leaky_relu(reader& r, const graph_node& node, activation in) {
  const auto alpha = node.number("alpha", 0.2);
  if (!alpha) return alpha.error();
  return r.builder.leaky_relu(node.id(), std::move(in), *alpha);
}

result<activation> nothing(reader& r, const graph_node& node, activation in) {
  return r.builder.identity(node.id(), std::move(in));
}
result<activation> placeholder(reader&, const graph_node&, activation in) { return in; }

// The sum of activations, two at a time.
result<activation> add_activations(reader& r, const graph_node& node, std::vector<activation> in) {
  activation sum = std::move(in[0]);
  for (std::size_t i = 1; i < in.size(); ++i) {
    auto made = r.builder.add(node.id(), std::move(sum), std::move(in[i]));
    if (!made) return made;
    sum = *std::move(made);
  }
  return sum;
}

struct known_operation {
  std::string_view op;
  handler read;
};

constexpr std::array<known_operation, 45> known_operations{{
    {"Placeholder", placeholder},
    {"PlaceholderWithDefault", nothing},
    {"Conv2D", convolve},
    {"_FusedConv2D", fused<convolve>},
    {"DepthwiseConv2dNative", convolve_depthwise},
    {"DepthwiseConv2d", convolve_depthwise},
    {"FusedDepthwiseConv2dNative", fused<convolve_depthwise>},
    {"_FusedDepthwiseConv2dNative", fused<convolve_depthwise>},
    {"MatMul", multiply_matrix},
    {"_FusedMatMul", fused<multiply_matrix>},
    {"BiasAdd", bias_add},
    {"Add", add},
    {"AddV2", add},
    {"AddN", nothing},  // of one input; see add_activations()
    {"Sub", subtract},
    {"Mul", multiply},
    {"RealDiv", divide},
    {"FusedBatchNorm", batch_norm},
    {"FusedBatchNormV2", batch_norm},
    {"FusedBatchNormV3", batch_norm},
    {"Relu", relu},
    {"Relu6", relu6},
    {"Minimum", minimum},
    {"Maximum", maximum},
    {"ClipByValue", clip},
    {"Pad", pad},
    {"PadV2", pad},
    {"Mean", reduce<average>},
    {"Max", reduce<maximum_of>},
    {"AvgPool", window_pool<average>},
    {"MaxPool", window_pool<maximum_of>},
    {"Squeeze", squeeze},
    {"Reshape", reshape},
    {"Softmax", softmax},
    {"Sigmoid", function<layers::function::sigmoid>},
    {"Tanh", function<layers::function::tanh>},
    {"Elu", function<layers::function::elu>},
    {"Selu", function<layers::function::selu>},
    {"Exp", function<layers::function::exponential>},
    {"Softplus", function<layers::function::softplus>},
    {"LeakyRelu", leaky_relu},
    {"Identity", nothing},
    {"StopGradient", nothing},
    {"CheckNumerics", nothing},
    {"Dropout", nothing},
}};

const known_operation* find_operation(const std::string& op) {
  const auto found = std::find_if(known_operations.begin(), known_operations.end(),
                                  [&](const known_operation& k) { return k.op == op; });
  return found == known_operations.end() ? nullptr : &*found;
}

result<activation> read_operation(reader& r, const graph_node& node, std::vector<activation> in) {
  const known_operation* const operation = find_operation(node.op());
  if (operation == nullptr) return does_not_fit(node.id());
  const bool adds = node.op() == "Add" || node.op() == "AddV2" || node.op() == "AddN";
  if (adds && in.size() > 1 && in.size() == node.inputs().size()) return add_activations(r, node, std::move(in));
  if (node.op() == "Mul" && in.size() == 2)  // x * sigmoid(x)
    for (std::size_t x = 0; x < 2; ++x)
      if (r.builder.is_function_of(in[1 - x], layers::function::sigmoid, in[x]))
        return r.builder.apply(node.id(), std::move(in[x]), layers::function::swish);
  if (in.size() != 1)
    return does_not_fit(node.id(), "it has " + std::to_string(in.size()) + " inputs that are computed, expected 1");
  return operation->read(r, node, std::move(in[0]));
}

// The inputs of a node that are computed from the image: all that are not constants, but of a Reshape only the
// first, for its shape may be computed too.
std::vector<std::string> computed_inputs(const graph& source, const graph_node& node) {
  std::vector<std::string> computed;
  for (std::size_t i = 0; i < node.inputs().size() && !(node.op() == "Reshape" && i > 0); ++i)
    if (source.constant(node.inputs()[i]) == nullptr) computed.push_back(node.inputs()[i]);
  return computed;
}

json_value signature_of(const tfjs_model& model) {
  const json_value signature = model.root()["signature"];
  return signature ? signature : model.root()["userDefinedMetadata"]["signature"];
}

/// An output of a graph: what the signature calls it, and the node that computes it.
struct graph_output {
  std::string name;
  std::string node;
};

// Those that the signature lists, or the nodes that no other reads.
result<std::vector<graph_output>> outputs_of(const tfjs_model& model, const graph& source) {
  std::vector<graph_output> outputs;
  if (const json_value signature = signature_of(model)["outputs"]; signature.is_object()) {
    const auto names = signature.keys();
    for (const std::string& key : names) {
      const json_value name = signature[key]["name"];
      std::string text = name.is_string() ? *name.string() : std::string();
      if (text.ends_with(":0")) text.resize(text.size() - 2);
      if (source.find(text) == nullptr) return name.wrong("the name of a node");
      outputs.push_back({key, text});
    }
    if (!outputs.empty()) return outputs;
  }
  std::unordered_set<std::string> read;
  for (const graph_node& node : source.nodes())
    for (const std::string& input : node.inputs())
      if (input != node.name()) read.insert(input);
  for (const graph_node& node : source.nodes())
    if (!read.contains(node.name()) && node.op() != "Const" && node.op() != "NoOp" && node.op() != "Placeholder")
      outputs.push_back({node.name(), node.name()});
  if (outputs.empty())
    return error{errc::invalid_argument, "the graph has no output: other nodes read each of its nodes"};
  return outputs;
}

// The one that is wanted, by the signature's name or the node's.
result<std::string> output_of(const tfjs_model& model, const graph& source, const std::string& wanted) {
  const auto outputs = outputs_of(model, source);
  if (!outputs) return outputs.error();
  std::string all;
  for (const graph_output& o : *outputs) {
    if (wanted.empty() ? outputs->size() == 1 : o.name == wanted || o.node == wanted) return o.node;
    all += (all.empty() ? "'" : ", '") + excerpt(o.name) + "'";
  }
  if (!wanted.empty())
    return error{errc::invalid_argument, "the model has no output '" + excerpt(wanted) + "', expected " + all};
  return error{errc::unsupported, "the model has " + std::to_string(outputs->size()) + " outputs (" + all +
                                      "): choose one with --output NAME"};
}

/// The nodes that the output needs, in the order of execution, and the nodes that each reads.
struct needed_nodes {
  std::vector<const graph_node*> nodes;
  std::vector<std::vector<std::size_t>> inputs;  // places in `nodes`
  std::vector<std::size_t> readers;
};

result<needed_nodes> nodes_needed(const tfjs_model& model, const graph& source, const std::string& wanted) {
  const auto output = output_of(model, source, wanted);
  if (!output) return output.error();
  std::vector<named_operation> operations;
  std::vector<std::string> to_visit{*output};
  std::unordered_set<std::string> seen{*output};
  while (!to_visit.empty()) {
    const graph_node* node = source.find(to_visit.back());
    to_visit.pop_back();
    if (node == nullptr) continue;  // link() reports who reads it
    operations.push_back({node->id(), computed_inputs(source, *node)});
    if (operations.back().inputs.empty() && !node->inputs().empty() && find_operation(node->op()) != nullptr)
      return layer_error(node->id(), "it computes from constants alone, expected a constant in its place");
    for (const std::string& input : operations.back().inputs)
      if (seen.insert(input).second) to_visit.push_back(input);
  }
  std::reverse(operations.begin(), operations.end());
  const auto inputs = link(operations);
  if (!inputs) return inputs.error();
  const auto execution = execution_of(operations, *inputs, operations.size() - 1);
  if (!execution) return execution.error();

  needed_nodes made;
  std::vector<std::size_t> place(operations.size());
  for (const std::size_t i : execution->order) {
    place[i] = made.nodes.size();
    made.nodes.push_back(source.find(operations[i].origin.name));
    made.inputs.emplace_back();
    for (const std::size_t input : (*inputs)[i]) made.inputs.back().push_back(place[input]);
    made.readers.push_back(execution->readers[i]);
  }
  return made;
}

// [-1, height, width, channels], of the node or of the signature.
result<shape> input_shape(const tfjs_model& model, const graph_node& first, const topology_options& options,
                          std::vector<std::string>& notes) {
  if (first.op() != "Placeholder") return layer_error(first.id(), "the graph begins with it, expected a Placeholder");
  json_value dimensions = first.attribute("shape")["shape"]["dim"];
  const json_value signature = signature_of(model)["inputs"];
  const auto usable = [](const json_value& d) {
    const auto height = d[1]["size"].integer();
    return d.size() == 4 && height && *height > 0;
  };
  if (!usable(dimensions) && signature.is_object() && signature.members().size() == 1 &&
      usable(signature.members()[0]["tensorShape"]["dim"]))
    dimensions = signature.members()[0]["tensorShape"]["dim"];

  std::array<std::int64_t, 4> size{};
  for (std::size_t i = 1; i < 4 && dimensions.size() == 4; ++i)
    if (const auto n = dimensions[i]["size"].integer()) size[i] = *n;
  if (size[1] < -1 || size[2] < -1 || size[1] > largest_input || size[2] > largest_input ||
      (size[3] != 3 && size[3] != 1))
    return layer_error(first.id(),
                       "its shape is [" + std::to_string(size[1]) + ", " + std::to_string(size[2]) + ", " +
                           std::to_string(size[3]) + "], expected height and width from 1 to " +
                           std::to_string(largest_input) + " and 3 channels or 1",
                       errc::shape_mismatch);
  const auto side = [](std::int64_t n) { return n > 0 ? std::optional(static_cast<std::uint32_t>(n)) : std::nullopt; };
  return input_shape_of(side(size[1]), side(size[2]), static_cast<std::uint32_t>(size[3]), options, notes);
}

result<network_topology> read(const tfjs_model& model, const topology_options& options) {
  const auto source = graph::read(model);
  if (!source) return source.error();
  const auto needed = nodes_needed(model, *source, options.output);
  if (!needed) return needed.error();
  std::vector<std::string> notes;
  const auto input = input_shape(model, *needed->nodes.front(), options, notes);
  if (!input) return input.error();

  reader r{*source, network_builder(*input)};
  std::vector<activation> values;
  std::vector<std::size_t> unread = needed->readers;  // reads of each value that are still to come
  for (std::size_t n = 0; n < needed->nodes.size(); ++n) {
    const graph_node& node = *needed->nodes[n];
    std::vector<activation> in;
    for (const std::size_t i : needed->inputs[n]) in.push_back(--unread[i] == 0 ? std::move(values[i]) : values[i]);
    if (in.empty() && n == 0) in.push_back(r.builder.input());
    if (in.empty()) return does_not_fit(node.id(), "the model may have one input only");
    auto value = read_operation(r, node, std::move(in));
    if (!value) return std::move(value).error();
    if (needed->readers[n] > 1) value->share();
    values.push_back(*std::move(value));
  }

  auto made = finish_topology(r.builder, std::move(values.back()), options);
  if (!made) return made;
  made->notes.insert(made->notes.begin(), notes.begin(), notes.end());
  made->source_layers = source->nodes().size();
  made->scaling = mobilenet::preprocessing::to_range(-1.0f, 1.0f);
  if (made->network.scales_input) {
    // TF Hub's modules take 0 to 1. A factor like 1/127.5 or 1/255 is made for pixels as they are.
    const bool pixels = std::abs(made->network.input_scale) < 0.1;
    made->scaling = mobilenet::preprocessing::to_range(0.0f, pixels ? 255.0f : 1.0f);
    if (pixels) made->notes.push_back("the graph scales its input by itself: it gets pixels from 0 to 255");
  }
  return made;
}

}  // namespace

result<network_topology> read_graph_topology(const tfjs_model& model, const topology_options& options) {
  auto made = read(model, options);
  if (!made) return error{made.error().code, model.path() + ": " + made.error().message};
  return made;
}

}  // namespace mobilenet::tools
