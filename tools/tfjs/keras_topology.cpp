#include "tfjs/keras_topology.hpp"

#include "tfjs/keras_layer_graph.hpp"
#include "tfjs/keras_weights.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace mobilenet::tools {
namespace {

/// The output of a layer.
struct keras_value {
  activation value;
  bool vector = false;  // [batch, c], not [batch, h, w, c]
};

/// What reading a layer needs.
struct reader {
  network_builder builder;
  keras_weights weights;
  bool keras3 = false;  // written by Keras 3, whose hard_sigmoid is another one
};

using result_value = result<keras_value>;

// A layer of one input: reads it and returns what the layer computes.
using handler = result_value (*)(reader&, const keras_layer&, keras_value);

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

result<void> check_data_format(const keras_object& config) {
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

result<void> check_rank(const keras_value& in, const keras_layer& layer, bool vector) {
  if (in.vector == vector) return {};
  return layer_error(layer.id,
                     vector ? "its input is [batch, height, width, channels], expected [batch, channels]"
                            : "its input is [batch, channels], expected [batch, height, width, channels]",
                     errc::shape_mismatch);
}

// The axis of the channels, by any of its names.
result<void> check_channel_axis(const keras_value& in, const json_value& field) {
  if (!field) return {};
  const json_value axis = field.is_array() && field.size() == 1 ? field[0] : field;
  const auto n = axis.integer();
  if (n && (*n == -1 || *n == (in.vector ? 1 : 3))) return {};
  return error{errc::unsupported, field.wrong("-1, the channels").message};
}

result<source_window> read_window(const keras_layer& layer) {
  if (auto ok = check_data_format(layer.config); !ok) return std::move(ok).error();
  if (auto ok = check_is(layer.config["dilation_rate"], 1); !ok) return std::move(ok).error();
  const auto kernel = pair_or(layer.config["kernel_size"], std::nullopt);
  if (!kernel) return kernel.error();
  const auto strides = pair_or(layer.config["strides"], pair{1, 1});
  if (!strides) return strides.error();
  if (strides->height != strides->width)
    return error{errc::unsupported, layer.config["strides"].wrong("two equal numbers").message};

  source_window w;
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

// What the builder returned, of the rank of the layer's input.
result_value of_rank(bool vector, result<activation> made) {
  if (!made) return std::move(made).error();
  return keras_value{*std::move(made), vector};
}

// The names of activation functions that are not clamps.
struct named_function {
  std::string_view name;
  layers::function function;
  double alpha = 0.0;
};
constexpr std::array<named_function, 15> named_functions{{
    {"sigmoid", layers::function::sigmoid},
    {"tanh", layers::function::tanh},
    {"elu", layers::function::elu, 1.0},
    {"selu", layers::function::selu},
    {"exponential", layers::function::exponential},
    {"softplus", layers::function::softplus},
    {"softsign", layers::function::softsign},
    {"swish", layers::function::swish},
    {"silu", layers::function::swish},
    {"gelu", layers::function::gelu},
    {"gelu_new", layers::function::gelu_tanh},
    {"hard_sigmoid", layers::function::hard_sigmoid, 0.2},
    {"hardSigmoid", layers::function::hard_sigmoid, 0.2},
    {"leaky_relu", layers::function::leaky_relu, 0.2},
    {"mish", layers::function::mish},
}};

// An activation is named by a string; Keras 3 may wrap the name in an object.
result_value activate(reader& r, const keras_layer& layer, keras_value in) {
  json_value field = layer.config["activation"];
  if (field.is_object() && field["config"].is_string()) field = field["config"];
  if (!field) return in;
  const auto name = field.string();
  if (!name) return name.error();
  const bool vector = in.vector;
  if (*name == "linear") return of_rank(vector, r.builder.clamp(layer.id, std::move(in.value), {}));
  if (*name == "relu") return of_rank(vector, r.builder.clamp(layer.id, std::move(in.value), layers::relu));
  if (*name == "relu6") return of_rank(vector, r.builder.clamp(layer.id, std::move(in.value), layers::relu6));
  if (*name == "softmax") return of_rank(vector, r.builder.softmax(layer.id, std::move(in.value)));
  const auto found = std::find_if(named_functions.begin(), named_functions.end(),
                                  [&](const named_function& f) { return f.name == *name; });
  if (found != named_functions.end()) {
    if (found->function == layers::function::leaky_relu)
      return of_rank(vector, r.builder.leaky_relu(layer.id, std::move(in.value), found->alpha));
    const bool keras3_sigmoid = r.keras3 && found->function == layers::function::hard_sigmoid;
    return of_rank(vector, r.builder.apply(layer.id, std::move(in.value), found->function,
                                           keras3_sigmoid ? 1.0 / 6.0 : found->alpha));
  }
  return error{errc::unsupported, field
                                      .wrong("linear, relu, relu6, softmax, sigmoid, tanh, elu, selu, exponential, "
                                             "softplus, softsign, swish, gelu, hard_sigmoid, leaky_relu or mish")
                                      .message};
}

// What follows the kernel in every layer that has one: a bias unless it is switched off, and an activation.
result_value add_bias_and_activate(reader& r, const keras_layer& layer, bool vector, result<activation> made) {
  if (!made) return std::move(made).error();
  const auto use_bias = boolean_or(layer.config["use_bias"], true);
  if (!use_bias) return use_bias.error();
  if (*use_bias) {
    const std::array<std::uint32_t, 1> shape{made->dimensions().channels};
    const auto bias = r.weights.take(layer, "bias", 1, shape);
    if (!bias) return bias.error();
    made = r.builder.offset(layer.id, *std::move(made), *bias);
    if (!made) return std::move(made).error();
  }
  return activate(r, layer, {*std::move(made), vector});
}

result_value conv2d(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_rank(in, layer, false); !ok) return std::move(ok).error();
  if (auto ok = check_is(layer.config["groups"], 1); !ok) return std::move(ok).error();
  const auto w = read_window(layer);
  if (!w) return w.error();
  const auto filters = layer.config["filters"].positive_integer();
  if (!filters) return filters.error();
  const std::array<std::uint32_t, 4> shape{w->kernel_height, w->kernel_width, in.value.dimensions().channels, *filters};
  const auto kernel = r.weights.take(layer, "kernel", 0, shape);
  if (!kernel) return kernel.error();
  return add_bias_and_activate(r, layer, false,
                               r.builder.convolution(layer.id, std::move(in.value), *w, *filters, *kernel));
}

result_value depthwise_conv2d(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_rank(in, layer, false); !ok) return std::move(ok).error();
  if (auto ok = check_is(layer.config["depth_multiplier"], 1); !ok) return std::move(ok).error();
  const auto w = read_window(layer);
  if (!w) return w.error();
  const std::array<std::uint32_t, 4> shape{w->kernel_height, w->kernel_width, in.value.dimensions().channels, 1};
  auto kernel = r.weights.take(layer, "depthwise_kernel", 0, shape);
  if (!kernel && r.weights.has(layer, "kernel")) kernel = r.weights.take(layer, "kernel", 0, shape);  // Keras 3
  if (!kernel) return kernel.error();
  return add_bias_and_activate(r, layer, false,
                               r.builder.depthwise_convolution(layer.id, std::move(in.value), *w, *kernel));
}

result_value dense(reader& r, const keras_layer& layer, keras_value in) {
  const auto units = layer.config["units"].positive_integer();
  if (!units) return units.error();
  const std::uint64_t inputs = in.value.last_dimension();
  if (inputs > std::numeric_limits<std::uint32_t>::max())
    return layer_error(layer.id, "it has " + std::to_string(inputs) + " inputs", errc::shape_mismatch);
  const std::array<std::uint32_t, 2> shape{static_cast<std::uint32_t>(inputs), *units};
  const auto kernel = r.weights.take(layer, "kernel", 0, shape);
  if (!kernel) return kernel.error();
  return add_bias_and_activate(r, layer, in.vector, r.builder.dense(layer.id, std::move(in.value), *units, *kernel));
}

// Folded in double: scale = gamma / sqrt(variance + epsilon), offset = beta - mean * scale.
result_value batch_normalization(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_channel_axis(in, layer.config["axis"]); !ok) return std::move(ok).error();
  const auto epsilon = number_or(layer.config["epsilon"], 1e-3);
  if (!epsilon) return epsilon.error();
  const auto has_gamma = boolean_or(layer.config["scale"], true);
  if (!has_gamma) return has_gamma.error();
  const auto has_beta = boolean_or(layer.config["center"], true);
  if (!has_beta) return has_beta.error();

  const std::array<std::uint32_t, 1> shape{static_cast<std::uint32_t>(in.value.last_dimension())};
  std::size_t index = 0;
  std::vector<float> gamma(shape[0], 1.0f);
  std::vector<float> beta(shape[0], 0.0f);
  if (*has_gamma) {
    auto given = r.weights.take(layer, "gamma", index++, shape);
    if (!given) return std::move(given).error();
    gamma = *std::move(given);
  }
  if (*has_beta) {
    auto given = r.weights.take(layer, "beta", index++, shape);
    if (!given) return std::move(given).error();
    beta = *std::move(given);
  }
  const auto mean = r.weights.take(layer, "moving_mean", index++, shape);
  if (!mean) return mean.error();
  const auto variance = r.weights.take(layer, "moving_variance", index++, shape);
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
  return of_rank(in.vector, r.builder.scale_and_offset(layer.id, std::move(in.value), scale, offset));
}

result_value activation_layer(reader& r, const keras_layer& layer, keras_value in) {
  if (!layer.config["activation"]) return layer.config["activation"].wrong("the name of an activation");
  return activate(r, layer, std::move(in));
}

result_value relu(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_is(layer.config["negative_slope"], 0); !ok) return std::move(ok).error();
  if (auto ok = check_is(layer.config["threshold"], 0); !ok) return std::move(ok).error();
  const auto highest = number_or(layer.config["max_value"], std::numeric_limits<double>::infinity());
  if (!highest) return highest.error();
  if (*highest < 0.0) return layer.config["max_value"].wrong("a number, 0 or more");
  return of_rank(in.vector, r.builder.clamp(layer.id, std::move(in.value), {0.0f, static_cast<float>(*highest)}));
}

result_value leaky_relu(reader& r, const keras_layer& layer, keras_value in) {
  const json_value slope = layer.config["negative_slope"];  // Keras 3
  const auto alpha = number_or(slope ? slope : layer.config["alpha"], 0.3);
  if (!alpha) return alpha.error();
  return of_rank(in.vector, r.builder.leaky_relu(layer.id, std::move(in.value), *alpha));
}

// Its slopes are one a channel: [C] behind a vector, [1, 1, C] behind a map that shares the two axes of positions.
result_value prelu(reader& r, const keras_layer& layer, keras_value in) {
  const std::array<std::uint32_t, 3> shape{1, 1, in.value.dimensions().channels};
  const auto slopes = r.weights.take(layer, "alpha", 0, std::span(shape).subspan(in.vector ? 2 : 0));
  if (!slopes) return slopes.error();
  const std::vector<double> doubles(slopes->begin(), slopes->end());
  return of_rank(in.vector, r.builder.leaky_relu(layer.id, std::move(in.value), doubles));
}

result_value elu(reader& r, const keras_layer& layer, keras_value in) {
  const auto alpha = number_or(layer.config["alpha"], 1.0);
  if (!alpha) return alpha.error();
  return of_rank(in.vector, r.builder.apply(layer.id, std::move(in.value), layers::function::elu, *alpha));
}

result_value softmax(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_channel_axis(in, layer.config["axis"]); !ok) return std::move(ok).error();
  return of_rank(in.vector, r.builder.softmax(layer.id, std::move(in.value)));
}

result_value zero_padding(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_rank(in, layer, false); !ok) return std::move(ok).error();
  if (auto ok = check_data_format(layer.config); !ok) return std::move(ok).error();
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
  return of_rank(false, r.builder.pad(layer.id, std::move(in.value), zeros));
}

using pooling = result<activation> (network_builder::*)(const layer_origin&, activation);

template <pooling pool>
result_value global_pooling(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_rank(in, layer, false); !ok) return std::move(ok).error();
  if (auto ok = check_data_format(layer.config); !ok) return std::move(ok).error();
  const auto keepdims = boolean_or(layer.config["keepdims"], false);
  if (!keepdims) return keepdims.error();
  return of_rank(!*keepdims, (r.builder.*pool)(layer.id, std::move(in.value)));
}

// Known only if its window is the whole activation: older MobileNets are written so.
template <pooling pool>
result_value window_pooling(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_rank(in, layer, false); !ok) return std::move(ok).error();
  if (auto ok = check_data_format(layer.config); !ok) return std::move(ok).error();
  const auto size = pair_or(layer.config["pool_size"], pair{2, 2});
  if (!size) return size.error();
  const auto strides = pair_or(layer.config["strides"], *size);
  if (!strides) return strides.error();
  const shape whole = in.value.dimensions();
  // "same" pads nothing if the first window is the only one.
  const json_value padding = layer.config["padding"];
  const bool same = padding.is_string() && *padding.string() == "same";
  const bool valid = !padding || (padding.is_string() && *padding.string() == "valid");
  const bool alone = valid || (same && strides->height >= whole.height && strides->width >= whole.width);
  if (size->height != whole.height || size->width != whole.width || !alone)
    return does_not_fit(layer.id, "its window is not the whole " + std::to_string(whole.height) + "x" +
                                      std::to_string(whole.width) + " of its input");
  return of_rank(false, (r.builder.*pool)(layer.id, std::move(in.value)));
}

result_value reshape(reader& r, const keras_layer& layer, keras_value in) {
  const json_value field = layer.config["target_shape"];
  if (!field.is_array()) return field.wrong("an array of integers");
  const shape given = in.value.dimensions();
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
    if (known > given.elements()) break;
  }
  if (open && known <= given.elements() && given.elements() % known == 0) target[*open] = given.elements() / known;
  std::uint64_t elements = 1;
  for (const std::uint64_t n : target) elements *= n;
  if (target.size() != field.size() || elements != given.elements())
    return error{errc::shape_mismatch,
                 field.wrong("a shape of " + std::to_string(given.elements()) + " elements").message};

  if (target.size() == 1) return of_rank(true, r.builder.flatten(layer.id, std::move(in.value)));
  if (target.size() == 3 && target[0] == given.height && target[1] == given.width && target[2] == given.channels)
    return keras_value{r.builder.identity(layer.id, std::move(in.value)), false};
  return does_not_fit(layer.id, "it makes " + field.shown() + " of " + to_string(given));
}

result_value flatten(reader& r, const keras_layer& layer, keras_value in) {
  if (auto ok = check_data_format(layer.config); !ok) return std::move(ok).error();
  return of_rank(true, r.builder.flatten(layer.id, std::move(in.value)));
}

result_value nothing(reader& r, const keras_layer& layer, keras_value in) {
  return keras_value{r.builder.identity(layer.id, std::move(in.value)), in.vector};
}

// The first one states the input's shape; those of nested models repeat what arrives there anyway.
result_value input_layer(reader&, const keras_layer&, keras_value in) { return in; }

result_value rescaling(reader& r, const keras_layer& layer, keras_value in) {
  const auto scale = layer.config["scale"].number();
  if (!scale) return scale.error();
  const auto offset = number_or(layer.config["offset"], 0.0);
  if (!offset) return offset.error();
  return of_rank(in.vector, r.builder.scale_and_offset(layer.id, std::move(in.value), *scale, *offset));
}

// The only layer of several inputs: their sum, two at a time.
result_value add(reader& r, const keras_layer& layer, const std::vector<keras_value>& in) {
  if (in.size() < 2) return layer_error(layer.id, "it has 1 input, expected 2 or more", errc::invalid_argument);
  activation sum = in[0].value;
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (auto ok = check_rank(in[i], layer, in[0].vector); !ok) return std::move(ok).error();
    auto made = r.builder.add(layer.id, std::move(sum), in[i].value);
    if (!made) return std::move(made).error();
    sum = *std::move(made);
  }
  return keras_value{std::move(sum), in[0].vector};
}

struct known_layer {
  std::string_view class_name;
  handler read;
};

constexpr auto average = &network_builder::global_average_pool;
constexpr auto maximum = &network_builder::global_max_pool;

constexpr std::array<known_layer, 32> known_layers{{
    {"InputLayer", input_layer},
    {"Conv2D", conv2d},
    {"DepthwiseConv2D", depthwise_conv2d},
    {"BatchNormalization", batch_normalization},
    {"BatchNormalizationV1", batch_normalization},
    {"Activation", activation_layer},
    {"ReLU", relu},
    {"LeakyReLU", leaky_relu},
    {"PReLU", prelu},
    {"ELU", elu},
    {"Softmax", softmax},
    {"ZeroPadding2D", zero_padding},
    {"GlobalAveragePooling2D", global_pooling<average>},
    {"GlobalMaxPooling2D", global_pooling<maximum>},
    {"AveragePooling2D", window_pooling<average>},
    {"MaxPooling2D", window_pooling<maximum>},
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

result_value read_layer(reader& r, const keras_layer& layer, std::vector<keras_value> in) {
  if (layer.id.kind == "Add") return add(r, layer, in);
  const auto found = std::find_if(known_layers.begin(), known_layers.end(),
                                  [&](const known_layer& k) { return k.class_name == layer.id.kind; });
  if (found == known_layers.end()) return does_not_fit(layer.id);
  if (in.size() != 1)
    return layer_error(layer.id, "it has " + std::to_string(in.size()) + " inputs, expected 1", errc::invalid_argument);
  return found->read(r, layer, std::move(in[0]));
}

// [null, height, width, channels] as the first layer has it, an InputLayer or not.
result<shape> read_input_shape(const keras_layer& first, const topology_options& options,
                               std::vector<std::string>& notes) {
  json_value field = first.config["batch_input_shape"];
  if (!field && first.config["batch_shape"]) field = first.config["batch_shape"];  // Keras 3
  if (!field) return layer_error(first.id, "the first layer has no batch_input_shape", errc::invalid_argument);
  if (first.id.kind == "Dense" || (field.is_array() && field.size() == 2))
    return layer_error(first.id,
                       "the model begins with it, on " + field.shown() +
                           ": it is the head of a model, which takes another model's features and not images. "
                           "Convert the whole model, base and head together");
  const std::string expected =
      "[null, height, width, 3 or 1], height and width from 1 to " + std::to_string(largest_input);
  if (field.size() != 4 || (field[0] && !field[0].positive_integer())) return field.wrong(expected);
  std::array<std::optional<std::uint32_t>, 2> sides;
  for (std::size_t i = 0; i < 2; ++i) {
    if (!field[i + 1]) continue;
    const auto side = field[i + 1].positive_integer();
    if (!side || *side > largest_input) return field.wrong(expected);
    sides[i] = *side;
  }
  const auto channels = field[3].positive_integer();
  if (!channels || (*channels != 3 && *channels != 1)) return field.wrong(expected);
  return input_shape_of(sides[0], sides[1], *channels, options, notes);
}

result<network_topology> read(const tfjs_model& model, const topology_options& options) {
  const json_value wrapped = keras_object(model.topology())["model_config"];
  const json_value root = wrapped ? wrapped : model.topology();
  const auto found = read_keras_layers(root, options.output);
  if (!found) return found.error();
  std::vector<std::string> notes;
  const auto input = read_input_shape(found->in_order.front(), options, notes);
  if (!input) return input.error();

  const json_value version = keras_object(model.topology())["keras_version"];
  const bool keras3 = version.is_string() && version.string()->starts_with("3");
  reader r{network_builder(*input), keras_weights(model.weights()), keras3};
  std::vector<keras_value> values;
  std::vector<std::size_t> unread;  // reads of each value that are still to come
  for (const keras_layer& layer : found->in_order) {
    std::vector<keras_value> in;
    for (const std::size_t i : layer.inputs) in.push_back(--unread[i] == 0 ? std::move(values[i]) : values[i]);
    if (in.empty()) in.push_back({r.builder.input(), false});
    auto value = read_layer(r, layer, std::move(in));
    if (!value) return std::move(value).error();
    if (layer.readers > 1) value->value.share();
    values.push_back(*std::move(value));
    unread.push_back(layer.readers);
  }
  if (auto ok = r.weights.check_all_taken(found->unneeded); !ok) return std::move(ok).error();

  auto made = finish_topology(r.builder, std::move(values.back().value), options);
  if (!made) return made;
  made->notes.insert(made->notes.begin(), notes.begin(), notes.end());
  made->source_layers = found->in_order.size();
  // A model that begins with a Rescaling layer takes pixels as they are.
  if (made->network.scales_input) made->scaling = {mobilenet::preprocessing::formula::multiply_add, 1.0f, 0.0f};
  if (const json_value name = keras_object(root)["config"]["name"]; name.is_string()) made->name = *name.string();
  return made;
}

}  // namespace

result<network_topology> read_keras_topology(const tfjs_model& model, const topology_options& options) {
  auto made = read(model, options);
  if (!made) return error{made.error().code, model.path() + ": " + made.error().message};
  return made;
}

}  // namespace mobilenet::tools
