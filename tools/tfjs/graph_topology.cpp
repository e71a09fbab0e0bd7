#include "tfjs/graph_topology.hpp"

#include "tfjs/graph_node.hpp"
#include "tfjs/single_chain.hpp"

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

constexpr std::int64_t largest_image = 2048;  // the self-test computes one: larger ones would take minutes
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

  /// The Const that a name stands for, also through nodes that only pass it on; null if it is none.
  const graph_node* constant(const std::string& name) const {
    const graph_node* node = find(name);
    return node == nullptr ? nullptr : constants_[static_cast<std::size_t>(node - nodes_.data())];
  }

  const tfjs_weight* weight(const std::string& name) const {
    const auto found = weights_.find(name);
    return found == weights_.end() ? nullptr : found->second;
  }

 private:
  // Follows the nodes that pass their input on, each once, however long the way is.
  void find_constants() {
    constants_.resize(nodes_.size());
    std::vector<bool> known(nodes_.size());
    std::vector<std::size_t> way;
    for (const graph_node& start : nodes_) {
      way.clear();
      const graph_node* found = nullptr;
      for (const graph_node* node = &start; node != nullptr;) {
        const auto i = static_cast<std::size_t>(node - nodes_.data());
        if (known[i]) {
          found = constants_[i];  // none where the way runs in a circle
          break;
        }
        known[i] = true;
        way.push_back(i);
        if (node->op() == "Const") found = node;
        node = passes_on(*node) ? find(node->inputs()[0]) : nullptr;
      }
      for (const std::size_t i : way) constants_[i] = found;
    }
  }
  static bool passes_on(const graph_node& node) {
    return (node.op() == "Identity" || node.op() == "StopGradient" || node.op() == "CheckNumerics") &&
           node.inputs().size() == 1;
  }

  std::vector<graph_node> nodes_;             // by_name_ points into it: filled once, then only moved
  std::vector<const graph_node*> constants_;  // that each node stands for, or null
  std::unordered_map<std::string, const graph_node*> by_name_;
  std::unordered_map<std::string, const tfjs_weight*> weights_;
};

struct reader {
  const graph& source;
  chain_builder builder;
};

using handler = result<void> (*)(reader&, const graph_node&);

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
result<std::vector<float>> per_channel(const reader& r, const graph_node& node, std::size_t index) {
  const auto weight = constant(r, node, index);
  if (!weight) return weight.error();
  const std::uint64_t channels = r.builder.last_dimension();
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

result<window> read_window(const graph_node& node, const tfjs_weight& kernel) {
  if (auto ok = check_layout(node); !ok) return std::move(ok).error();
  const auto dilations = height_and_width(node, "dilations", 1);
  if (!dilations) return dilations.error();
  if ((*dilations)[0] != 1 || (*dilations)[1] != 1) return node.attribute("dilations")["list"]["i"].wrong("1, 1, 1, 1");
  const auto strides = height_and_width(node, "strides", std::nullopt);
  if (!strides) return strides.error();
  if ((*strides)[0] != (*strides)[1]) return node.attribute("strides")["list"]["i"].wrong("equal strides");

  window w;
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

result<void> convolve(reader& r, const graph_node& node) {
  const auto kernel = constant(r, node, 1);
  if (!kernel) return kernel.error();
  const auto& shape = (*kernel)->shape;
  const std::string channels = std::to_string(r.builder.current().channels);
  if (shape.size() != 4 || shape[2] != r.builder.current().channels)
    return wrong_shape(**kernel, "[height, width, " + channels + ", outputs]");
  const auto w = read_window(node, **kernel);
  if (!w) return w.error();
  return r.builder.convolution(node.id(), *w, shape[3], (*kernel)->values());
}

result<void> convolve_depthwise(reader& r, const graph_node& node) {
  const auto kernel = constant(r, node, 1);
  if (!kernel) return kernel.error();
  const auto& shape = (*kernel)->shape;
  const std::string channels = std::to_string(r.builder.current().channels);
  if (shape.size() != 4 || shape[2] != r.builder.current().channels || shape[3] != 1)
    return wrong_shape(**kernel, "[height, width, " + channels + ", 1]");
  const auto w = read_window(node, **kernel);
  if (!w) return w.error();
  return r.builder.depthwise_convolution(node.id(), *w, (*kernel)->values());
}

result<void> multiply_matrix(reader& r, const graph_node& node) {
  const auto kernel = constant(r, node, 1);
  if (!kernel) return kernel.error();
  const auto transpose_a = node.flag("transpose_a");
  const auto transpose_b = node.flag("transpose_b");
  if (!transpose_a || !transpose_b || *transpose_a)
    return layer_error(node.id(), "transpose_a is set, expected a matrix of one row");
  const std::uint64_t in = r.builder.last_dimension();
  const auto& shape = (*kernel)->shape;
  if (shape.size() != 2 || shape[*transpose_b ? 1 : 0] != in)
    return wrong_shape(
        **kernel, *transpose_b ? "[outputs, " + std::to_string(in) + "]" : "[" + std::to_string(in) + ", outputs]");
  std::vector<float> values = (*kernel)->values();
  const std::size_t out = shape[*transpose_b ? 0 : 1];
  if (*transpose_b) {
    std::vector<float> turned(values.size());
    for (std::size_t o = 0; o < out; ++o)
      for (std::size_t i = 0; i < in; ++i) turned[i * out + o] = values[o * in + i];
    values = std::move(turned);
  }
  return r.builder.dense(node.id(), static_cast<std::uint32_t>(out), values);
}

// fused_ops lists what is done to the result: a bias first, an activation last.
result<void> apply_fused(reader& r, const graph_node& node) {
  const auto operations = node.texts("fused_ops");
  if (!operations) return operations.error();
  for (std::size_t i = 0; i < operations->size(); ++i) {
    const std::string& op = (*operations)[i];
    if (i == 0 && (op == "RELU" || op == "RELU6"))  // TensorFlow.js passes over an activation in this place
      return layer_error(node.id(), "fused_ops begins with \"" + excerpt(op) + "\", expected BiasAdd or NoOp");
    result<void> done;
    if (op == "BIASADD") {
      const auto bias = per_channel(r, node, 2);
      if (!bias) return bias.error();
      done = r.builder.offset(node.id(), *bias);
    } else if (op == "RELU6") {
      done = r.builder.clamp(node.id(), layers::relu6);
    } else if (op == "RELU") {
      done = r.builder.clamp(node.id(), {0.0f, infinity});
    } else if (op != "NOOP") {
      done = layer_error(node.id(), "fused_ops holds \"" + excerpt(op) + "\", expected BiasAdd, Relu6, Relu or NoOp");
    }
    if (!done) return done;
  }
  return {};
}

template <handler operation>
result<void> fused(reader& r, const graph_node& node) {
  if (auto done = operation(r, node); !done) return done;
  return apply_fused(r, node);
}

result<void> bias_add(reader& r, const graph_node& node) {
  if (auto ok = check_layout(node); !ok) return ok;
  const auto bias = per_channel(r, node, 1);
  if (!bias) return bias.error();
  return r.builder.offset(node.id(), *bias);
}

// Which of two inputs is the constant: x * 2 and 2 * x are the same.
std::size_t constant_operand(const reader& r, const graph_node& node) {
  return node.inputs().size() == 2 && r.source.constant(node.inputs()[0]) != nullptr ? 0 : 1;
}

// x * c, x / c, x + c, x - c with a constant c: one number, or one for each channel.
template <class ScaleOf, class OffsetOf>
result<void> arithmetic(reader& r, const graph_node& node, std::size_t operand, ScaleOf scale_of, OffsetOf offset_of) {
  const auto weight = constant(r, node, operand);
  if (!weight) return weight.error();
  if ((*weight)->elements() == 1) {
    const double c = static_cast<double>((*weight)->values()[0]);
    return r.builder.scale_and_offset(node.id(), scale_of(c), offset_of(c));
  }
  const auto values = per_channel(r, node, operand);
  if (!values) return values.error();
  std::vector<double> scale, offset;
  for (const float c : *values) {
    scale.push_back(scale_of(static_cast<double>(c)));
    offset.push_back(offset_of(static_cast<double>(c)));
  }
  return r.builder.scale_and_offset(node.id(), scale, offset);
}

constexpr auto one = [](double) { return 1.0; };
constexpr auto zero = [](double) { return 0.0; };
constexpr auto same = [](double c) { return c; };
constexpr auto negative = [](double c) { return -c; };

result<void> multiply(reader& r, const graph_node& node) {
  return arithmetic(r, node, constant_operand(r, node), same, zero);
}
result<void> add(reader& r, const graph_node& node) {
  return arithmetic(r, node, constant_operand(r, node), one, same);
}
result<void> subtract(reader& r, const graph_node& node) { return arithmetic(r, node, 1, one, negative); }
result<void> divide(reader& r, const graph_node& node) {
  return arithmetic(
      r, node, 1, [](double c) { return 1.0 / c; }, zero);
}

result<void> batch_norm(reader& r, const graph_node& node) {
  if (auto ok = check_layout(node); !ok) return ok;
  const auto epsilon = node.number("epsilon", 1e-3);
  if (!epsilon) return epsilon.error();
  std::array<std::vector<float>, 4> given;  // gamma, beta, mean, variance
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto values = per_channel(r, node, i + 1);
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
  return r.builder.scale_and_offset(node.id(), scale, offset);
}

result<void> relu(reader& r, const graph_node& node) { return r.builder.clamp(node.id(), {0.0f, infinity}); }
result<void> relu6(reader& r, const graph_node& node) { return r.builder.clamp(node.id(), layers::relu6); }

result<float> bound(const reader& r, const graph_node& node, std::size_t operand) {
  const auto weight = constant(r, node, operand);
  if (!weight) return weight.error();
  if ((*weight)->elements() != 1) return wrong_shape(**weight, "one number");
  const float value = (*weight)->values()[0];
  if (std::isnan(value)) return layer_error(node.id(), "its bound is not a number", errc::invalid_argument);
  return value;
}
result<void> minimum(reader& r, const graph_node& node) {
  const auto high = bound(r, node, constant_operand(r, node));
  if (!high) return high.error();
  return r.builder.clamp(node.id(), {-infinity, *high});
}
result<void> maximum(reader& r, const graph_node& node) {
  const auto low = bound(r, node, constant_operand(r, node));
  if (!low) return low.error();
  return r.builder.clamp(node.id(), {*low, infinity});
}

result<void> clip(reader& r, const graph_node& node) {
  const auto low = bound(r, node, 1);
  if (!low) return low.error();
  const auto high = bound(r, node, 2);
  if (!high) return high.error();
  if (*low > *high) return layer_error(node.id(), "its bounds are not in order", errc::invalid_argument);
  return r.builder.clamp(node.id(), {*low, *high});
}

result<void> pad(reader& r, const graph_node& node) {
  const auto pads = integers(r, node, 1);
  if (!pads) return pads.error();
  const bool right = pads->size() == 8 && (*pads)[0] == 0 && (*pads)[1] == 0 && (*pads)[6] == 0 && (*pads)[7] == 0 &&
                     std::all_of(pads->begin(), pads->end(), [](std::int64_t n) { return n >= 0 && n <= 1024; });
  if (!right) return layer_error(node.id(), "not part of MobileNet v1: it pads more than height and width");
  if (node.inputs().size() > 2) {  // PadV2
    const auto value = constant(r, node, 2);
    if (!value) return value.error();
    if ((*value)->elements() != 1 || (*value)->values()[0] != 0.0f)
      return layer_error(node.id(), "not part of MobileNet v1: it pads with other values than 0");
  }
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>((*pads)[i]); };
  return r.builder.pad(node.id(), {at(2), at(4), at(3), at(5)});
}

result<void> mean(reader& r, const graph_node& node) {
  auto axes = integers(r, node, 1);
  if (!axes) return axes.error();
  for (std::int64_t& axis : *axes) axis += axis < 0 ? 4 : 0;
  std::sort(axes->begin(), axes->end());
  if (*axes != std::vector<std::int64_t>{1, 2})
    return layer_error(node.id(), "not part of MobileNet v1: a mean over other axes than height and width");
  return r.builder.global_average_pool(node.id());
}

result<void> average_pool(reader& r, const graph_node& node) {
  if (auto ok = check_layout(node); !ok) return ok;
  const auto size = height_and_width(node, "ksize", std::nullopt);
  if (!size) return size.error();
  const auto padding = node.text("padding", "");
  if (!padding) return padding.error();
  const auto strides = height_and_width(node, "strides", 1);
  if (!strides) return strides.error();
  const shape in = r.builder.current();
  // SAME pads nothing where the first window is the only one.
  const bool alone =
      *padding == "VALID" || (*padding == "SAME" && (*strides)[0] >= in.height && (*strides)[1] >= in.width);
  if ((*size)[0] != in.height || (*size)[1] != in.width || !alone)
    return layer_error(node.id(), "not part of MobileNet v1: its window is not the whole " + std::to_string(in.height) +
                                      "x" + std::to_string(in.width) + " of its input");
  return r.builder.global_average_pool(node.id());
}

// Takes away dimensions of 1: after the pooling that leaves the vector of channels.
result<void> squeeze(reader& r, const graph_node& node) {
  if (!r.builder.is_vector())
    return layer_error(node.id(),
                       "not part of MobileNet v1: it takes dimensions away from " + to_string(r.builder.current()));
  return r.builder.flatten(node.id());
}

// Whether a vector of so many elements keeps them in its last dimension: [-1], [5], [-1, 5], [1, 1, -1]. A softmax
// over another dimension would be something else.
bool keeps_vector(const std::vector<std::int64_t>& target, std::int64_t elements) {
  if (target.empty() || (target.back() != -1 && target.back() != elements)) return false;
  return std::count(target.begin(), target.end(), std::int64_t{-1}) <= 1 &&
         std::all_of(target.begin(), target.end() - 1, [](std::int64_t d) { return d == 1 || d == -1; });
}

// The shape may be computed from the batch's size, but there is only one vector that a vector can become.
result<void> reshape(reader& r, const graph_node& node) {
  const shape in = r.builder.current();
  if (node.inputs().size() < 2 || r.source.constant(node.inputs()[1]) == nullptr) {
    if (!r.builder.is_vector())
      return layer_error(node.id(), "not part of MobileNet v1: a shape that is computed, for " + to_string(in));
    return r.builder.flatten(node.id());
  }
  const auto target = integers(r, node, 1);
  if (!target) return target.error();
  const auto elements = static_cast<std::int64_t>(in.elements());
  const bool unambiguous = std::count(target->begin(), target->end(), std::int64_t{-1}) <= 1;
  if (r.builder.is_vector() && keeps_vector(*target, elements)) return r.builder.flatten(node.id());
  const std::vector<std::int64_t> rest(target->empty() ? target->begin() : target->begin() + 1, target->end());
  if (unambiguous && rest.size() == 1 && (rest[0] == -1 || rest[0] == elements)) return r.builder.flatten(node.id());
  const std::array<std::int64_t, 3> own{in.height, in.width, in.channels};
  const bool same_shape = unambiguous && rest.size() == own.size() &&
                          std::equal(rest.begin(), rest.end(), own.begin(),
                                     [](std::int64_t d, std::int64_t o) { return d == o || d == -1; });
  if (!same_shape)
    return layer_error(node.id(), "not part of MobileNet v1: it gives " + to_string(in) + " another shape");
  r.builder.identity(node.id());
  return {};
}

result<void> softmax(reader& r, const graph_node& node) { return r.builder.softmax(node.id()); }
result<void> sigmoid(reader& r, const graph_node& node) { return r.builder.sigmoid(node.id()); }
result<void> nothing(reader& r, const graph_node& node) {
  r.builder.identity(node.id());
  return {};
}
result<void> placeholder(reader&, const graph_node&) { return {}; }

struct known_operation {
  std::string_view op;
  handler read;
};

constexpr std::array<known_operation, 35> known_operations{{
    {"Placeholder", placeholder},
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
    {"Mean", mean},
    {"AvgPool", average_pool},
    {"Squeeze", squeeze},
    {"Reshape", reshape},
    {"Softmax", softmax},
    {"Sigmoid", sigmoid},
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

// The inputs of a node that are computed from the image: all that are no constants, but of a Reshape only the
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

// The name that the signature gives, or the only node that no other reads.
result<std::string> output_of(const tfjs_model& model, const graph& source) {
  if (const json_value signature = signature_of(model)["outputs"]; signature.is_object()) {
    const auto outputs = signature.members();
    if (outputs.size() == 1) {
      const json_value name = outputs[0]["name"];
      std::string text = name.is_string() ? *name.string() : std::string();
      if (text.ends_with(":0")) text.resize(text.size() - 2);
      if (source.find(text) != nullptr) return text;
      return name.wrong("the name of a node");
    }
  }
  std::unordered_set<std::string> read;
  for (const graph_node& node : source.nodes())
    for (const std::string& input : node.inputs())
      if (input != node.name()) read.insert(input);
  std::vector<std::string> ends;
  for (const graph_node& node : source.nodes())
    if (!read.contains(node.name()) && node.op() != "Const" && node.op() != "NoOp" && node.op() != "Placeholder")
      ends.push_back(node.name());
  if (ends.size() == 1) return ends[0];
  if (ends.empty()) return error{errc::invalid_argument, "the graph has no output: other nodes read each of its nodes"};
  return error{errc::unsupported, "the graph has " + std::to_string(ends.size()) + " outputs ('" + excerpt(ends[0]) +
                                      "', '" + excerpt(ends[1]) + "'...), expected one"};
}

// The nodes that the output needs, in the order of computation, as far as they are a chain.
result<chain_prefix<const graph_node*>> chain_of(const tfjs_model& model, const graph& source) {
  const auto output = output_of(model, source);
  if (!output) return output.error();
  std::vector<chain_node> needed;
  std::vector<std::string> waiting{*output};
  std::unordered_set<std::string> seen{*output};
  while (!waiting.empty()) {
    const graph_node* node = source.find(waiting.back());
    waiting.pop_back();
    if (node == nullptr) continue;  // single_chain says who reads it
    needed.push_back({node->id(), computed_inputs(source, *node), find_operation(node->op()) != nullptr});
    if (needed.back().inputs.empty() && !node->inputs().empty() && needed.back().known)
      return layer_error(node->id(), "it computes from constants alone, expected a constant in its place");
    for (const std::string& input : needed.back().inputs)
      if (seen.insert(input).second) waiting.push_back(input);
  }
  std::reverse(needed.begin(), needed.end());
  auto order = single_chain(needed);
  if (!order) return std::move(order).error();
  chain_prefix<const graph_node*> chain{{}, std::move(order->misfit)};
  for (const std::size_t i : order->nodes) chain.nodes.push_back(source.find(needed[i].id.name));
  return chain;
}

// [-1, height, width, 3], of the node or of the signature.
result<shape> input_shape(const tfjs_model& model, const graph_node& first) {
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
  if (size[1] < 1 || size[2] < 1 || size[1] > largest_image || size[2] > largest_image || size[3] != 3)
    return layer_error(first.id(),
                       "its shape is [" + std::to_string(size[1]) + ", " + std::to_string(size[2]) + ", " +
                           std::to_string(size[3]) + "], expected height and width from 1 to " +
                           std::to_string(largest_image) + " and 3 channels",
                       errc::shape_mismatch);
  return shape{static_cast<std::uint32_t>(size[1]), static_cast<std::uint32_t>(size[2]), 3};
}

result<network_topology> read(const tfjs_model& model) {
  const auto source = graph::read(model);
  if (!source) return source.error();
  const auto chain = chain_of(model, *source);
  if (!chain) return chain.error();
  if (chain->nodes.empty()) return *chain->misfit;
  const auto input = input_shape(model, *chain->nodes.front());
  if (!input) return input.error();

  reader r{*source, chain_builder(*input)};
  for (const graph_node* node : chain->nodes)
    if (auto done = find_operation(node->op())->read(r, *node); !done) return std::move(done).error();
  if (chain->misfit) return *chain->misfit;
  auto made = finish_topology(r.builder);
  if (!made) return made;
  made->source_layers = source->nodes().size();
  made->scaling = mobilenet::preprocessing::to_range(-1.0f, 1.0f);
  if (made->chain.scales_input) {
    // TF Hub's modules take 0 to 1. A factor like 1/127.5 or 1/255 is made for pixels as they are.
    const bool pixels = std::abs(made->chain.input_scale) < 0.1;
    made->scaling = mobilenet::preprocessing::to_range(0.0f, pixels ? 255.0f : 1.0f);
    if (pixels) made->notes.push_back("the graph scales its input by itself: it gets pixels from 0 to 255");
  }
  return made;
}

}  // namespace

result<network_topology> read_graph_topology(const tfjs_model& model) {
  auto made = read(model);
  if (!made) return error{made.error().code, model.path() + ": " + made.error().message};
  return made;
}

}  // namespace mobilenet::tools
