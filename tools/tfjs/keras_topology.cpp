#include "tfjs/keras_topology.hpp"

#include "tfjs/keras_layer_graph.hpp"
#include "tfjs/keras_weights.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace mobilenet::tools {
namespace {

constexpr std::uint32_t largest_image = 2048;  // the self-test computes one: larger ones would take minutes

/// Where the reading of a chain stands.
struct reader {
  chain_builder builder;
  keras_weights weights;
  bool vector = false;  // activations are [batch, c], not [batch, h, w, c]
};

using handler = result<void> (*)(reader&, const keras_layer&);

result<bool> boolean_or(const json_value& field, bool standard) {
  if (!field) return standard;
  return field.boolean();
}

result<double> number_or(const json_value& field, double standard) {
  if (!field) return standard;
  return field.number();
}

struct pair {
  std::uint32_t height;
  std::uint32_t width;
};

// Two numbers, or one for both.
result<pair> pair_or(const json_value& field, std::optional<pair> standard) {
  if (!field && standard) return *standard;
  if (field.is_number()) {
    const auto n = field.positive_integer();
    if (!n) return n.error();
    return pair{*n, *n};
  }
  const auto two = field.positive_integers(2);
  if (!two) return two.error();
  return pair{(*two)[0], (*two)[1]};
}

result<void> check_data_format(const json_value& config) {
  const json_value field = config["data_format"];
  if (!field) return {};
  const auto text = field.string();
  if (text && (*text == "channels_last" || *text == "channelsLast")) return {};
  return error{errc::unsupported, field.wrong("\"channels_last\"").message};
}

// Only one value of a property is known here; TensorFlow.js ignores some of these where Keras does not.
result<void> check_is(const json_value& field, double expected) {
  if (!field) return {};
  const auto is_expected = [&](const json_value& v) { return v.is_number() && *v.number() == expected; };
  bool all = field.is_array() ? field.size() > 0 : is_expected(field);
  for (std::size_t i = 0; i < field.size(); ++i) all = all && is_expected(field[i]);
  if (all) return {};
  return error{errc::unsupported, field.wrong(std::to_string(static_cast<int>(expected))).message};
}

result<void> check_rank(const reader& r, const keras_layer& layer, bool vector) {
  if (r.vector == vector) return {};
  return layer_error(layer.id,
                     vector ? "its input is [batch, height, width, channels], expected [batch, channels]"
                            : "its input is [batch, channels], expected [batch, height, width, channels]",
                     errc::shape_mismatch);
}

// The axis of the channels, by any of its names.
result<void> check_channel_axis(const reader& r, const json_value& field) {
  if (!field) return {};
  const json_value axis = field.is_array() && field.size() == 1 ? field[0] : field;
  const auto n = axis.integer();
  if (n && (*n == -1 || *n == (r.vector ? 1 : 3))) return {};
  return error{errc::unsupported, field.wrong("-1, the channels").message};
}

result<window> read_window(const keras_layer& layer) {
  if (auto ok = check_data_format(layer.config); !ok) return std::move(ok).error();
  if (auto ok = check_is(layer.config["dilation_rate"], 1); !ok) return std::move(ok).error();
  const auto kernel = pair_or(layer.config["kernel_size"], std::nullopt);
  if (!kernel) return kernel.error();
  const auto strides = pair_or(layer.config["strides"], pair{1, 1});
  if (!strides) return strides.error();
  if (strides->height != strides->width)
    return error{errc::unsupported, layer.config["strides"].wrong("two equal numbers").message};

  window w;
  w.kernel_height = kernel->height;
  w.kernel_width = kernel->width;
  w.stride = strides->height;
  if (const json_value padding = layer.config["padding"]) {
    const auto text = padding.string();
    if (!text || (*text != "same" && *text != "valid")) return padding.wrong("\"same\" or \"valid\"");
    w.same = *text == "same";
  }
  return w;
}

// An activation is named by a string; Keras 3 may wrap the name in an object.
result<void> activate(reader& r, const keras_layer& layer) {
  json_value field = layer.config["activation"];
  if (field.is_object() && field["config"].is_string()) field = field["config"];
  if (!field) return {};
  const auto name = field.string();
  if (!name) return name.error();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  if (*name == "linear") return r.builder.clamp(layer.id, {});
  if (*name == "relu") return r.builder.clamp(layer.id, {0.0f, infinity});
  if (*name == "relu6") return r.builder.clamp(layer.id, layers::relu6);
  if (*name == "softmax") return r.builder.softmax(layer.id);
  if (*name == "sigmoid") return r.builder.sigmoid(layer.id);
  return error{errc::unsupported, field.wrong("linear, relu, relu6, softmax or sigmoid").message};
}

// What follows the kernel in every layer that has one: a bias unless it is switched off, and an activation.
result<void> add_bias_and_activate(reader& r, const keras_layer& layer) {
  const auto use_bias = boolean_or(layer.config["use_bias"], true);
  if (!use_bias) return use_bias.error();
  if (*use_bias) {
    const std::array<std::uint32_t, 1> shape{r.builder.current().channels};
    const auto bias = r.weights.take(layer.id, "bias", 1, shape);
    if (!bias) return bias.error();
    if (auto ok = r.builder.offset(layer.id, *bias); !ok) return ok;
  }
  return activate(r, layer);
}

result<void> conv2d(reader& r, const keras_layer& layer) {
  if (auto ok = check_rank(r, layer, false); !ok) return ok;
  if (auto ok = check_is(layer.config["groups"], 1); !ok) return ok;
  const auto w = read_window(layer);
  if (!w) return w.error();
  const auto filters = layer.config["filters"].positive_integer();
  if (!filters) return filters.error();
  const std::array<std::uint32_t, 4> shape{w->kernel_height, w->kernel_width, r.builder.current().channels, *filters};
  const auto kernel = r.weights.take(layer.id, "kernel", 0, shape);
  if (!kernel) return kernel.error();
  if (auto ok = r.builder.convolution(layer.id, *w, *filters, *kernel); !ok) return ok;
  return add_bias_and_activate(r, layer);
}

result<void> depthwise_conv2d(reader& r, const keras_layer& layer) {
  if (auto ok = check_rank(r, layer, false); !ok) return ok;
  if (auto ok = check_is(layer.config["depth_multiplier"], 1); !ok) return ok;
  const auto w = read_window(layer);
  if (!w) return w.error();
  const std::array<std::uint32_t, 4> shape{w->kernel_height, w->kernel_width, r.builder.current().channels, 1};
  auto kernel = r.weights.take(layer.id, "depthwise_kernel", 0, shape);
  if (!kernel && r.weights.has(layer.id, "kernel")) kernel = r.weights.take(layer.id, "kernel", 0, shape);  // Keras 3
  if (!kernel) return kernel.error();
  if (auto ok = r.builder.depthwise_convolution(layer.id, *w, *kernel); !ok) return ok;
  return add_bias_and_activate(r, layer);
}

result<void> dense(reader& r, const keras_layer& layer) {
  const auto units = layer.config["units"].positive_integer();
  if (!units) return units.error();
  const std::uint64_t in = r.builder.last_dimension();
  if (in > std::numeric_limits<std::uint32_t>::max())
    return layer_error(layer.id, "it has " + std::to_string(in) + " inputs", errc::shape_mismatch);
  const std::array<std::uint32_t, 2> shape{static_cast<std::uint32_t>(in), *units};
  const auto kernel = r.weights.take(layer.id, "kernel", 0, shape);
  if (!kernel) return kernel.error();
  if (auto ok = r.builder.dense(layer.id, *units, *kernel); !ok) return ok;
  return add_bias_and_activate(r, layer);
}

// Folded in double: scale = gamma / sqrt(variance + epsilon), offset = beta - mean * scale.
result<void> batch_normalization(reader& r, const keras_layer& layer) {
  if (auto ok = check_channel_axis(r, layer.config["axis"]); !ok) return ok;
  const auto epsilon = number_or(layer.config["epsilon"], 1e-3);
  if (!epsilon) return epsilon.error();
  const auto has_gamma = boolean_or(layer.config["scale"], true);
  if (!has_gamma) return has_gamma.error();
  const auto has_beta = boolean_or(layer.config["center"], true);
  if (!has_beta) return has_beta.error();

  const std::array<std::uint32_t, 1> shape{static_cast<std::uint32_t>(r.builder.last_dimension())};
  std::size_t index = 0;
  std::vector<float> gamma(shape[0], 1.0f);
  std::vector<float> beta(shape[0], 0.0f);
  if (*has_gamma) {
    auto given = r.weights.take(layer.id, "gamma", index++, shape);
    if (!given) return std::move(given).error();
    gamma = *std::move(given);
  }
  if (*has_beta) {
    auto given = r.weights.take(layer.id, "beta", index++, shape);
    if (!given) return std::move(given).error();
    beta = *std::move(given);
  }
  const auto mean = r.weights.take(layer.id, "moving_mean", index++, shape);
  if (!mean) return mean.error();
  const auto variance = r.weights.take(layer.id, "moving_variance", index++, shape);
  if (!variance) return variance.error();

  std::vector<double> scale(shape[0]);
  std::vector<double> offset(shape[0]);
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double shifted = static_cast<double>((*variance)[c]) + *epsilon;
    if (!(shifted > 0.0))
      return layer_error(layer.id,
                         "moving_variance[" + std::to_string(c) + "] + epsilon is " + std::to_string(shifted) +
                             ", expected more than 0",
                         errc::invalid_argument);
    scale[c] = static_cast<double>(gamma[c]) / std::sqrt(shifted);
    offset[c] = static_cast<double>(beta[c]) - static_cast<double>((*mean)[c]) * scale[c];
  }
  return r.builder.scale_and_offset(layer.id, scale, offset);
}

result<void> activation(reader& r, const keras_layer& layer) {
  if (!layer.config["activation"]) return layer.config["activation"].wrong("the name of an activation");
  return activate(r, layer);
}

result<void> relu(reader& r, const keras_layer& layer) {
  if (auto ok = check_is(layer.config["negative_slope"], 0); !ok) return ok;
  if (auto ok = check_is(layer.config["threshold"], 0); !ok) return ok;
  const auto highest = number_or(layer.config["max_value"], std::numeric_limits<double>::infinity());
  if (!highest) return highest.error();
  if (*highest < 0.0) return layer.config["max_value"].wrong("a number, 0 or more");
  return r.builder.clamp(layer.id, {0.0f, static_cast<float>(*highest)});
}

result<void> softmax(reader& r, const keras_layer& layer) {
  if (auto ok = check_channel_axis(r, layer.config["axis"]); !ok) return ok;
  return r.builder.softmax(layer.id);
}

result<void> zero_padding(reader& r, const keras_layer& layer) {
  if (auto ok = check_rank(r, layer, false); !ok) return ok;
  if (auto ok = check_data_format(layer.config); !ok) return ok;
  constexpr std::string_view expected = "an integer, two integers or [[top, bottom], [left, right]]";
  const json_value field = layer.config["padding"];
  layers::padding zeros{1, 1, 1, 1};
  if (field) {
    const bool two = field.is_array() && field.size() == 2;
    if (!field.is_number() && !two) return field.wrong(expected);
    const json_value rows = two ? field[0] : field;
    const json_value columns = two ? field[1] : field;
    const auto side = [](const json_value& of, std::size_t i) {
      return of.is_array() && of.size() == 2 ? of[i].unsigned_integer() : of.unsigned_integer();
    };
    const auto top = side(rows, 0), bottom = side(rows, 1), left = side(columns, 0), right = side(columns, 1);
    if (!top || !bottom || !left || !right) return field.wrong(expected);
    zeros = {*top, *left, *bottom, *right};
  }
  return r.builder.pad(layer.id, zeros);
}

result<void> global_average_pooling(reader& r, const keras_layer& layer) {
  if (auto ok = check_rank(r, layer, false); !ok) return ok;
  if (auto ok = check_data_format(layer.config); !ok) return ok;
  const auto keepdims = boolean_or(layer.config["keepdims"], false);
  if (!keepdims) return keepdims.error();
  r.vector = !*keepdims;
  return r.builder.global_average_pool(layer.id);
}

// Known only where its window is the whole activation: older MobileNets are written so.
result<void> average_pooling(reader& r, const keras_layer& layer) {
  if (auto ok = check_rank(r, layer, false); !ok) return ok;
  if (auto ok = check_data_format(layer.config); !ok) return ok;
  const auto size = pair_or(layer.config["pool_size"], pair{2, 2});
  if (!size) return size.error();
  const auto strides = pair_or(layer.config["strides"], *size);
  if (!strides) return strides.error();
  const shape in = r.builder.current();
  // "same" pads nothing where the first window is the only one.
  const json_value padding = layer.config["padding"];
  const bool same = padding.is_string() && *padding.string() == "same";
  const bool valid = !padding || (padding.is_string() && *padding.string() == "valid");
  const bool alone = valid || (same && strides->height >= in.height && strides->width >= in.width);
  if (size->height != in.height || size->width != in.width || !alone)
    return layer_error(layer.id, "not part of MobileNet v1: its window is not the whole " + std::to_string(in.height) +
                                     "x" + std::to_string(in.width) + " of its input");
  return r.builder.global_average_pool(layer.id);
}

result<void> reshape(reader& r, const keras_layer& layer) {
  const json_value field = layer.config["target_shape"];
  if (!field.is_array()) return field.wrong("an array of integers");
  const shape in = r.builder.current();
  std::vector<std::uint64_t> target;
  std::optional<std::size_t> open;
  std::uint64_t known = 1;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const json_value dimension = field[i];
    const bool any = !dimension || (dimension.is_number() && *dimension.number() == -1.0);
    const auto n = any ? result<std::uint32_t>(1u) : dimension.positive_integer();
    if (!n || (any && open)) return field.wrong("positive integers, and -1 at most once");
    if (any) open = i;
    target.push_back(*n);
    known *= *n;
    if (known > in.elements()) break;
  }
  if (open && known <= in.elements() && in.elements() % known == 0) target[*open] = in.elements() / known;
  std::uint64_t elements = 1;
  for (const std::uint64_t n : target) elements *= n;
  if (target.size() != field.size() || elements != in.elements())
    return error{errc::shape_mismatch,
                 field.wrong("a shape of " + std::to_string(in.elements()) + " elements").message};

  if (target.size() == 1) {
    r.vector = true;
    return r.builder.flatten(layer.id);
  }
  if (target.size() == 3 && target[0] == in.height && target[1] == in.width && target[2] == in.channels) {
    r.vector = false;
    r.builder.identity(layer.id);
    return {};
  }
  return layer_error(layer.id, "not part of MobileNet v1: it makes " + field.shown() + " of " + to_string(in));
}

result<void> flatten(reader& r, const keras_layer& layer) {
  if (auto ok = check_data_format(layer.config); !ok) return ok;
  r.vector = true;
  return r.builder.flatten(layer.id);
}

result<void> nothing(reader& r, const keras_layer& layer) {
  r.builder.identity(layer.id);
  return {};
}

// The first one gave the input's shape; those of nested models say again what arrives there anyway.
result<void> input_layer(reader&, const keras_layer&) { return {}; }

result<void> rescaling(reader& r, const keras_layer& layer) {
  const auto scale = layer.config["scale"].number();
  if (!scale) return scale.error();
  const auto offset = number_or(layer.config["offset"], 0.0);
  if (!offset) return offset.error();
  return r.builder.scale_and_offset(layer.id, *scale, *offset);
}

struct known_layer {
  std::string_view class_name;
  handler read;
};

constexpr std::array<known_layer, 27> known_layers{{
    {"InputLayer", input_layer},
    {"Conv2D", conv2d},
    {"DepthwiseConv2D", depthwise_conv2d},
    {"BatchNormalization", batch_normalization},
    {"BatchNormalizationV1", batch_normalization},
    {"Activation", activation},
    {"ReLU", relu},
    {"Softmax", softmax},
    {"ZeroPadding2D", zero_padding},
    {"GlobalAveragePooling2D", global_average_pooling},
    {"AveragePooling2D", average_pooling},
    {"Reshape", reshape},
    {"Flatten", flatten},
    {"Dense", dense},
    {"Rescaling", rescaling},
    {"Dropout", nothing},
    {"SpatialDropout2D", nothing},
    {"AlphaDropout", nothing},
    {"GaussianDropout", nothing},
    {"GaussianNoise", nothing},
    {"ActivityRegularization", nothing},
    {"RandomFlip", nothing},  // these change pictures while a model is trained
    {"RandomRotation", nothing},
    {"RandomZoom", nothing},
    {"RandomTranslation", nothing},
    {"RandomContrast", nothing},
    {"RandomBrightness", nothing},
}};

const known_layer* find_layer(const std::string& class_name) {
  const auto found = std::find_if(known_layers.begin(), known_layers.end(),
                                  [&](const known_layer& k) { return k.class_name == class_name; });
  return found == known_layers.end() ? nullptr : &*found;
}

bool is_known(const std::string& class_name) { return find_layer(class_name) != nullptr; }

// [null, height, width, 3] as the first layer has it, an InputLayer or not.
result<shape> read_input_shape(const keras_layer& first) {
  json_value field = first.config["batch_input_shape"];
  if (!field) field = first.config["batch_shape"] ? first.config["batch_shape"] : field;  // Keras 3
  if (!field) return layer_error(first.id, "the first layer has no batch_input_shape", errc::invalid_argument);
  const std::string expected = "[null, height, width, 3], height and width from 1 to " + std::to_string(largest_image);
  if (field.size() != 4 || (field[0] && !field[0].positive_integer())) return field.wrong(expected);
  const auto height = field[1].positive_integer();
  const auto width = field[2].positive_integer();
  const auto channels = field[3].positive_integer();
  if (!height || !width || !channels || *height > largest_image || *width > largest_image || *channels != 3)
    return field.wrong(expected);
  return shape{*height, *width, *channels};
}

result<network_topology> read(const tfjs_model& model) {
  const json_value wrapped = model.topology()["model_config"];
  const json_value root = wrapped ? wrapped : model.topology();
  const auto chain = keras_layers_in_order(root, is_known);
  if (!chain) return chain.error();
  if (chain->nodes.empty()) return *chain->misfit;
  const auto input = read_input_shape(chain->nodes.front());
  if (!input) return input.error();

  reader r{chain_builder(*input), keras_weights(model.weights())};
  for (const keras_layer& layer : chain->nodes)
    if (auto ok = find_layer(layer.id.kind)->read(r, layer); !ok) return std::move(ok).error();
  if (chain->misfit) return *chain->misfit;
  if (auto ok = r.weights.check_all_taken(); !ok) return std::move(ok).error();

  auto made = finish_topology(r.builder);
  if (!made) return made;
  made->source_layers = chain->nodes.size();
  // A model that begins with a Rescaling layer takes pixels as they are.
  if (made->chain.scales_input) made->scaling = {mobilenet::preprocessing::formula::multiply_add, 1.0f, 0.0f};
  if (const json_value name = root["config"]["name"]; name.is_string()) made->name = *name.string();
  return made;
}

}  // namespace

result<network_topology> read_keras_topology(const tfjs_model& model) {
  auto made = read(model);
  if (!made) return error{made.error().code, model.path() + ": " + made.error().message};
  return made;
}

}  // namespace mobilenet::tools
