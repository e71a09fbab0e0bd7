// MobileNet v1 and v2 models in TensorFlow.js form, made up: any width, resolution and class count, in the many ways
// that Keras, tfjs and their converters write the same network. Same options, same bytes.
#pragma once

#include "random_layer.hpp"

#include "pack/float_to_half.hpp"

#include <sys/stat.h>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mobilenet::test {

/// How weights are stored, as the tfjs converter's --quantize_* options do it.
enum class quantisation { none, uint8, uint16, float16 };

/// How a model is written.
struct synthetic_options {
  enum class topology { functional, sequential, nested, keras3, transfer, transfer_functional };
  enum class head {
    convolution,
    dense,
    dense_with_softmax,
    two_dense,
    flatten,
    sigmoid,
    sigmoids,
    scores,
    none,
    pooling,
    flatten_scores,
    flatten_sigmoid,
    flatten_batch_norm,
    batch_norm_flatten_batch_norm,
    sigmoid_reshape,
    average_pooling
  };

  /// 2: the inverted residuals of Keras's MobileNetV2, under Keras's names. Its activations are always ReLU layers and
  /// its depthwise convolutions of stride 2 always padded by a layer of their own; it cannot be written as a
  /// Sequential.
  std::uint32_t version = 1;
  double alpha = 0.25;
  std::uint32_t resolution = 224;
  std::uint32_t classes = 1000;
  std::uint32_t blocks = 17;  ///< from the front: fewer make a small model; version 1 has 13, version 2 has 17
  std::uint32_t seed = 1;

  bool batch_norm = true;  ///< otherwise a bias of the convolution's own
  bool bn_scale = true;    ///< batch norm has a gamma
  bool bn_center = true;   ///< batch norm has a beta
  double bn_epsilon = 1e-3;
  bool relu_layer = false;    ///< ReLU(max_value 6) rather than Activation("relu6")
  bool zero_padding = false;  ///< stride 2 as ZeroPadding2D((0,1),(0,1)) + valid, as newer Keras has it
  bool dropouts = false;      ///< a Dropout after every activation
  bool keepdims = false;      ///< of the pooling
  topology written_as = topology::functional;
  head ends_with = head::convolution;
  bool model_config = true;     ///< otherwise class_name and config directly in modelTopology, as tfjs saves
  bool reverse_layers = false;  ///< the array of layers runs from the output to the input

  quantisation stored_as = quantisation::none;
  std::string shard_folder;  ///< in front of every shard's name
  std::size_t shard_bytes = 4u << 20;
  bool group_per_layer = false;  ///< one group of the manifest for each layer, as the files of 2018 have it
  bool shuffle_weights = false;
  std::string weight_prefix;  ///< in front of every weight's name: "mobilenet/"
  std::string weight_suffix;  ///< after it: ":0"
};

/// A model as files: model.json and shards.
struct synthetic_model {
  std::string json;
  std::vector<std::pair<std::string, std::vector<std::byte>>> shards;

  /// Throws std::runtime_error where a file cannot be written.
  void write_to(const std::string& folder) const {
    write(folder + "/model.json", std::as_bytes(std::span(json)));
    for (const auto& [name, bytes] : shards) write(folder + "/" + name, bytes);
  }

 private:
  static void write(const std::string& path, std::span<const std::byte> bytes) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
      ::mkdir(path.substr(0, slash).c_str(), 0777);  // fails for those that exist
    std::FILE* file = std::fopen(path.c_str(), "wb");
    const bool written = file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    if ((file != nullptr && std::fclose(file) != 0) || !written) throw std::runtime_error(path + ": cannot write");
  }
};

/// The weights of a model being described, and the manifest and shards that they become.
class synthetic_weights {
 public:
  explicit synthetic_weights(std::uint32_t seed) : values_(seed) {}

  /// Random values in [low, high). `group` decides what shares a group of the manifest.
  void add(const std::string& group, std::string name, std::vector<std::uint32_t> shape, float low, float high) {
    std::size_t count = 1;
    for (const std::uint32_t d : shape) count *= d;
    std::vector<float> numbers(count);
    values_.fill(numbers.data(), count, low, high);
    add_values(group, std::move(name), std::move(shape), std::span<const float>(numbers), "float32");
  }
  template <class T>
  void add_values(const std::string& group, std::string name, std::vector<std::uint32_t> shape,
                  std::span<const T> values, const char* dtype) {
    const auto raw = std::as_bytes(values);
    weights_.push_back({group, std::move(name), std::move(shape), dtype, {raw.begin(), raw.end()}});
  }
  void shuffle(std::uint32_t seed) {
    std::mt19937 engine(seed);
    for (std::size_t i = weights_.size(); i > 1; --i) std::swap(weights_[i - 1], weights_[engine() % i]);
  }

  /// Stores all float32 weights in another form.
  void quantise(quantisation form) {
    for (weight& w : weights_)
      if (form != quantisation::none && std::string_view(w.dtype) == "float32") quantise(w, form);
  }

  /// The JSON of weightsManifest; the shards go to `made`.
  std::string make_manifest(std::size_t shard_bytes, bool group_per_layer, const std::string& shard_folder,
                            synthetic_model& made) const {
    std::vector<std::vector<const weight*>> groups;
    for (const weight& w : weights_) {
      if (groups.empty() || (group_per_layer && groups.back().front()->group != w.group)) groups.emplace_back();
      groups.back().push_back(&w);
    }
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
    json.StartArray();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      std::vector<std::byte> bytes;
      for (const weight* w : groups[g]) bytes.insert(bytes.end(), w->bytes.begin(), w->bytes.end());
      json.StartObject();
      json.Key("paths");
      json.StartArray();
      const std::size_t count = (bytes.size() + shard_bytes - 1) / shard_bytes;
      for (std::size_t i = 0; i < count; ++i) {
        const auto begin = static_cast<std::ptrdiff_t>(i * shard_bytes);
        const auto end = static_cast<std::ptrdiff_t>(std::min(bytes.size(), (i + 1) * shard_bytes));
        const std::string name = shard_folder + "group" + std::to_string(g + 1) + "-shard" + std::to_string(i + 1) +
                                 "of" + std::to_string(count) + ".bin";
        json.String(name.c_str());
        made.shards.emplace_back(name, std::vector<std::byte>(bytes.begin() + begin, bytes.begin() + end));
      }
      json.EndArray();
      json.Key("weights");
      json.StartArray();
      for (const weight* w : groups[g]) {
        json.StartObject();
        json.Key("name");
        json.String(w->name.c_str());
        json.Key("shape");
        json.StartArray();
        for (const std::uint32_t d : w->shape) json.Uint(d);
        json.EndArray();
        json.Key("dtype");
        json.String(w->dtype);
        if (!w->quantised_as.empty()) {
          json.Key("quantization");
          json.RawValue(w->quantised_as.data(), w->quantised_as.size(), rapidjson::kObjectType);
        }
        json.EndObject();
      }
      json.EndArray();
      json.EndObject();
    }
    json.EndArray();
    return buffer.GetString();
  }

 private:
  struct weight {
    std::string group;
    std::string name;
    std::vector<std::uint32_t> shape;
    const char* dtype;
    std::vector<std::byte> bytes;
    std::string quantised_as = {};  // JSON
  };

  template <class T>
  static void store(weight& w, const std::vector<T>& numbers) {
    const auto raw = std::as_bytes(std::span(numbers));
    w.bytes.assign(raw.begin(), raw.end());
  }
  static void quantise(weight& w, quantisation form) {
    std::vector<float> values(w.bytes.size() / sizeof(float));
    std::memcpy(values.data(), w.bytes.data(), w.bytes.size());
    if (form == quantisation::float16) {
      std::vector<std::uint16_t> halves(values.size());
      std::transform(values.begin(), values.end(), halves.begin(), tools::float_to_half);
      store(w, halves);
      w.quantised_as = R"({"dtype":"float16"})";
      return;
    }
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double min = static_cast<double>(*low);
    const double range = static_cast<double>(*high) - min;
    const double steps = form == quantisation::uint8 ? 255.0 : 65535.0;
    const double scale = range > 0.0 ? range / steps : 1.0;
    std::vector<std::uint16_t> numbers(values.size());
    std::transform(values.begin(), values.end(), numbers.begin(), [&](float v) {
      return static_cast<std::uint16_t>(std::lround((static_cast<double>(v) - min) / scale));
    });
    if (form == quantisation::uint8)
      store(w, std::vector<std::uint8_t>(numbers.begin(), numbers.end()));
    else
      store(w, numbers);
    char text[128];
    std::snprintf(text, sizeof text, R"({"dtype":"%s","scale":%.17g,"min":%.17g})",
                  form == quantisation::uint8 ? "uint8" : "uint16", scale, min);
    w.quantised_as = text;
  }

  random_floats values_;
  std::vector<weight> weights_;
};

/// The depthwise-separable blocks of MobileNet v1: channels at alpha 1, and stride.
inline constexpr std::pair<std::uint32_t, std::uint32_t> mobilenet_blocks[] = {
    {64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
    {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};

inline std::uint32_t scaled_channels(std::uint32_t channels, double alpha) {
  return std::max(1u, static_cast<std::uint32_t>(static_cast<double>(channels) * alpha));
}

/// The inverted residuals of MobileNet v2.
struct inverted_residual {
  std::uint32_t expansion;
  std::uint32_t channels;  ///< at alpha 1
  std::uint32_t stride;
};
inline constexpr inverted_residual mobilenet_v2_blocks[] = {
    {1, 16, 1}, {6, 24, 2}, {6, 24, 1}, {6, 32, 2}, {6, 32, 1},  {6, 32, 1},  {6, 64, 2},  {6, 64, 1}, {6, 64, 1},
    {6, 64, 1}, {6, 96, 1}, {6, 96, 1}, {6, 96, 1}, {6, 160, 2}, {6, 160, 1}, {6, 160, 1}, {6, 320, 1}};

/// The nearest multiple of 8 that is not below 0.9 of `channels`, as Keras rounds the channels of MobileNet v2.
inline std::uint32_t divisible_by_8(double channels) {
  const std::uint32_t nearest = std::max(8u, static_cast<std::uint32_t>(channels + 4.0) / 8 * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}

/// Collects the layers and weights of a model while it is being described.
class synthetic_writer {
 public:
  using topology = synthetic_options::topology;
  using head = synthetic_options::head;
  explicit synthetic_writer(const synthetic_options& options) : options_(options), weights_(options.seed) {}

  synthetic_model make() {
    add_head(options_.version == 2 ? add_v2_body() : add_v1_body());
    synthetic_model made;
    if (options_.shuffle_weights) weights_.shuffle(options_.seed);
    weights_.quantise(options_.stored_as);
    const std::string manifest =
        weights_.make_manifest(options_.shard_bytes, options_.group_per_layer, options_.shard_folder, made);
    made.json = R"({"format":"layers-model","generatedBy":"synthetic","convertedBy":null,"modelTopology":)" +
                make_topology() + R"(,"weightsManifest":)" + manifest + "}";
    return made;
  }

 private:
  struct written_layer {
    std::string class_name;
    std::string name;
    std::string config;                    // members, without name
    std::vector<std::string> inputs = {};  // names of layers; empty: the layer before
  };

  std::uint32_t scaled(std::uint32_t channels) const { return scaled_channels(channels, options_.alpha); }

  void add_layer(std::string class_name, std::string name, std::string config, std::vector<std::string> inputs = {}) {
    layers_.push_back({std::move(class_name), std::move(name), std::move(config), std::move(inputs)});
  }
  void add_weight(const std::string& layer, const std::string& variable, std::vector<std::uint32_t> shape, float low,
                  float high) {
    weights_.add(layer, options_.weight_prefix + layer + "/" + variable + options_.weight_suffix, std::move(shape), low,
                 high);
  }
  void add_kernel(const std::string& layer, const std::string& variable, std::vector<std::uint32_t> shape,
                  std::uint32_t fan_in) {
    const float reach = std::sqrt(6.0f / static_cast<float>(fan_in));
    add_weight(layer, variable, std::move(shape), -reach, reach);
  }

  static std::string bool_text(bool b) { return b ? "true" : "false"; }

  std::string window_config(std::uint32_t kernel, std::uint32_t stride, bool valid) const {
    const std::string k = std::to_string(kernel), s = std::to_string(stride);
    return "\"kernel_size\":[" + k + "," + k + "],\"strides\":[" + s + "," + s + R"(],"padding":")" +
           (valid ? "valid" : "same") +
           R"(","data_format":"channels_last","dilation_rate":[1,1],"activation":"linear","use_bias":)" +
           bool_text(!options_.batch_norm);
  }

  bool pad(const std::string& name, std::uint32_t stride) {
    const bool padded = options_.zero_padding && stride == 2;
    if (padded) add_layer("ZeroPadding2D", name + "_pad", R"("padding":[[0,1],[0,1]],"data_format":"channels_last")");
    return padded;
  }

  std::uint32_t convolution(const std::string& name, std::uint32_t in, std::uint32_t out, std::uint32_t kernel,
                            std::uint32_t stride) {
    const bool padded = pad(name, stride);
    add_layer("Conv2D", name, "\"filters\":" + std::to_string(out) + "," + window_config(kernel, stride, padded));
    add_kernel(name, "kernel", {kernel, kernel, in, out}, kernel * kernel * in);
    normalise(name, out);
    return out;
  }
  void depthwise_convolution(const std::string& name, std::uint32_t channels, std::uint32_t stride) {
    const bool padded = pad(name, stride);
    add_layer("DepthwiseConv2D", name, "\"depth_multiplier\":1," + window_config(3, stride, padded));
    add_kernel(name, "depthwise_kernel", {3, 3, channels, 1}, 9);
    normalise(name, channels);
  }
  void add_batch_norm(const std::string& bn, std::uint32_t channels) {
    char epsilon[32];
    std::snprintf(epsilon, sizeof epsilon, "%g", options_.bn_epsilon);
    add_layer("BatchNormalization", bn,
              R"("axis":-1,"momentum":0.99,"epsilon":)" + std::string(epsilon) + R"(,"center":)" +
                  bool_text(options_.bn_center) + R"(,"scale":)" + bool_text(options_.bn_scale));
    if (options_.bn_scale) add_weight(bn, "gamma", {channels}, 0.5f, 1.5f);
    if (options_.bn_center) add_weight(bn, "beta", {channels}, -0.1f, 0.3f);
    add_weight(bn, "moving_mean", {channels}, -0.1f, 0.1f);
    add_weight(bn, "moving_variance", {channels}, 0.5f, 1.5f);
  }
  void add_batch_norm_or_bias(const std::string& name, const std::string& bn, std::uint32_t channels) {
    if (options_.batch_norm) {
      add_batch_norm(bn, channels);
    } else {
      add_weight(name, "bias", {channels}, -0.1f, 0.3f);
    }
  }
  void add_relu_layer(std::string name) {
    add_layer("ReLU", std::move(name), R"("max_value":6.0,"negative_slope":0.0,"threshold":0.0)");
  }
  void normalise(const std::string& name, std::uint32_t channels) {
    add_batch_norm_or_bias(name, name + "_bn", channels);
    if (options_.relu_layer)
      add_relu_layer(name + "_relu");
    else
      add_layer("Activation", name + "_relu", R"("activation":"relu6")");
    if (options_.dropouts) add_layer("Dropout", name + "_dropout", R"("rate":0.2,"noise_shape":null,"seed":null)");
  }

  std::uint32_t add_v1_body() {
    std::uint32_t channels = convolution("conv1", 3, scaled(32), 3, 2);
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(options_.blocks, std::size(mobilenet_blocks)); ++i) {
      const std::string number = std::to_string(i + 1);
      depthwise_convolution("conv_dw_" + number, channels, mobilenet_blocks[i].second);
      channels = convolution("conv_pw_" + number, channels, scaled(mobilenet_blocks[i].first), 1, 1);
    }
    return channels;
  }

  // Pads for a 3x3 kernel of stride 2 as Keras does, whose ZeroPadding2D depends on whether the size is even.
  void v2_padding(const std::string& name, std::uint32_t size) {
    const std::string sides = size % 2 == 0 ? "[0,1]" : "[1,1]";
    add_layer("ZeroPadding2D", name, "\"padding\":[" + sides + "," + sides + R"(],"data_format":"channels_last")");
  }
  // Without an activation.
  void v2_convolution(const std::string& name, const std::string& bn, std::uint32_t in, std::uint32_t out) {
    add_layer("Conv2D", name, "\"filters\":" + std::to_string(out) + "," + window_config(1, 1, false));
    add_kernel(name, "kernel", {1, 1, in, out}, in);
    add_batch_norm_or_bias(name, bn, out);
  }
  // Returns the height and width that it leaves.
  std::uint32_t v2_depthwise_convolution(const std::string& prefix, std::uint32_t channels, std::uint32_t size,
                                         std::uint32_t stride) {
    if (stride == 2) v2_padding(prefix + "pad", size);
    const std::string name = prefix + "depthwise";
    add_layer("DepthwiseConv2D", name, "\"depth_multiplier\":1," + window_config(3, stride, stride == 2));
    add_kernel(name, "depthwise_kernel", {3, 3, channels, 1}, 9);
    add_batch_norm_or_bias(name, name + "_BN", channels);
    add_relu_layer(name + "_relu");
    return (size + stride - 1) / stride;
  }
  std::uint32_t add_v2_body() {
    std::uint32_t size = options_.resolution;
    if (options_.zero_padding) v2_padding("Conv1_pad", size);
    std::uint32_t channels = divisible_by_8(32 * options_.alpha);
    add_layer("Conv2D", "Conv1",
              "\"filters\":" + std::to_string(channels) + "," + window_config(3, 2, options_.zero_padding));
    add_kernel("Conv1", "kernel", {3, 3, 3, channels}, 27);
    add_batch_norm_or_bias("Conv1", "bn_Conv1", channels);
    add_relu_layer("Conv1_relu");
    size = (size + 1) / 2;

    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(options_.blocks, std::size(mobilenet_v2_blocks)); ++i) {
      const inverted_residual& block = mobilenet_v2_blocks[i];
      const std::string prefix = i == 0 ? "expanded_conv_" : "block_" + std::to_string(i) + "_";
      const std::string shortcut = layers_.back().name;
      const std::uint32_t expanded = channels * block.expansion;
      if (block.expansion > 1) {
        v2_convolution(prefix + "expand", prefix + "expand_BN", channels, expanded);
        add_relu_layer(prefix + "expand_relu");
      }
      size = v2_depthwise_convolution(prefix, expanded, size, block.stride);
      // Keras drops the fraction before it rounds to a multiple of 8.
      const std::uint32_t out = divisible_by_8(std::floor(block.channels * options_.alpha));
      v2_convolution(prefix + "project", prefix + "project_BN", expanded, out);
      if (block.stride == 1 && out == channels)
        add_layer("Add", prefix + "add", R"("trainable":true)", {shortcut, layers_.back().name});
      channels = out;
    }

    const std::uint32_t last = options_.alpha > 1.0 ? divisible_by_8(1280 * options_.alpha) : 1280;
    v2_convolution("Conv_1", "Conv_1_bn", channels, last);
    add_relu_layer("out_relu");
    return last;
  }

  void add_head(std::uint32_t channels) {
    const std::string classes = std::to_string(options_.classes);
    const std::string pooling = R"("data_format":"channels_last")";
    head_begins_ = layers_.size();
    if (options_.ends_with == head::none) return;
    const std::uint32_t size = final_size();
    const std::uint32_t all = channels * size * size;
    switch (options_.ends_with) {
      case head::flatten:
        add_layer("Flatten", "flatten_1", pooling);
        return add_dense("predictions", all, options_.classes, "softmax");
      case head::flatten_scores:
        add_layer("Flatten", "flatten_1", pooling);
        return add_dense("predictions", all, options_.classes, "linear");
      case head::flatten_sigmoid:
        add_layer("Flatten", "flatten_1", pooling);
        return add_dense("predictions", all, 1, "sigmoid");
      case head::flatten_batch_norm:
      case head::batch_norm_flatten_batch_norm:
        if (options_.ends_with == head::batch_norm_flatten_batch_norm) add_batch_norm("last_bn", channels);
        add_layer("Flatten", "flatten_1", pooling);
        add_batch_norm("flat_bn", all);
        return add_dense("predictions", all, options_.classes, "softmax");
      case head::average_pooling: {
        const std::string window = "[" + std::to_string(size) + "," + std::to_string(size) + "]";
        add_layer("AveragePooling2D", "average",
                  "\"pool_size\":" + window + ",\"strides\":" + window + R"(,"padding":"same",)" + pooling);
        add_layer("Flatten", "flatten_1", pooling);
        return add_dense("predictions", channels, options_.classes, "softmax");
      }
      default: break;
    }
    add_layer("GlobalAveragePooling2D",
              options_.version == 2 ? "global_average_pooling2d" : "global_average_pooling2d_1",
              pooling + (options_.keepdims ? R"(,"keepdims":true)" : ""));
    switch (options_.ends_with) {
      case head::none:
      case head::pooling: return;
      case head::sigmoid_reshape:
        add_dense("predictions", channels, 1, "sigmoid");
        return add_layer("Reshape", "reshape_1", R"("target_shape":[1])");
      case head::flatten:
      case head::flatten_scores:
      case head::flatten_sigmoid:
      case head::flatten_batch_norm:
      case head::batch_norm_flatten_batch_norm:
      case head::average_pooling: return;  // above
      case head::convolution:
        if (!options_.keepdims)
          add_layer("Reshape", "reshape_1", "\"target_shape\":[1,1," + std::to_string(channels) + "]");
        add_layer("Dropout", "dropout", R"("rate":0.001,"noise_shape":null,"seed":null)");
        add_layer("Conv2D", "conv_preds",
                  "\"filters\":" + classes +
                      R"(,"kernel_size":[1,1],"strides":[1,1],"padding":"same","activation":"linear","use_bias":true)");
        add_kernel("conv_preds", "kernel", {1, 1, channels, options_.classes}, channels);
        add_weight("conv_preds", "bias", {options_.classes}, -0.1f, 0.1f);
        add_layer("Activation", "act_softmax", R"("activation":"softmax")");
        add_layer("Reshape", "reshape_2", "\"target_shape\":[" + classes + "]");
        return;
      case head::dense:
        add_dense("predictions", channels, options_.classes, "linear");
        add_layer("Softmax", "softmax_1", R"("axis":-1)");
        return;
      case head::dense_with_softmax: return add_dense("predictions", channels, options_.classes, "softmax");
      case head::scores: return add_dense("predictions", channels, options_.classes, "linear");
      case head::sigmoid: return add_dense("predictions", channels, 1, "sigmoid");
      case head::sigmoids: return add_dense("predictions", channels, options_.classes, "sigmoid");
      case head::two_dense:
        add_dense("hidden", channels, 20, "relu");
        add_layer("Dropout", "dropout", R"("rate":0.5)");
        return add_dense("predictions", 20, options_.classes, "softmax");
    }
  }

  void add_dense(const std::string& name, std::uint32_t in, std::uint32_t units, const std::string& activation) {
    add_layer("Dense", name,
              "\"units\":" + std::to_string(units) + R"(,"use_bias":true,"activation":")" + activation + "\"");
    add_kernel(name, "kernel", {in, units}, in);
    add_weight(name, "bias", {units}, -0.1f, 0.1f);
  }

  // Height and width where the blocks end.
  std::uint32_t final_size() const {
    std::uint32_t size = (options_.resolution + 1) / 2;
    const auto halve_if = [&](std::uint32_t stride) { size = (size + stride - 1) / stride; };
    if (options_.version == 2)
      for (std::size_t i = 0; i < std::min<std::size_t>(options_.blocks, std::size(mobilenet_v2_blocks)); ++i)
        halve_if(mobilenet_v2_blocks[i].stride);
    else
      for (std::size_t i = 0; i < std::min<std::size_t>(options_.blocks, std::size(mobilenet_blocks)); ++i)
        halve_if(mobilenet_blocks[i].second);
    return size;
  }

  std::string input_shape() const {
    const std::string size = std::to_string(options_.resolution);
    return "[null," + size + "," + size + ",3]";
  }
  static std::string entry(const written_layer& l, const std::string& extra_config, const std::string& members) {
    return R"({"class_name":")" + l.class_name + R"(","config":{"name":")" + l.name + "\"," + extra_config + l.config +
           "}" + members + "}";
  }

  static std::string inbound_nodes(const std::vector<std::string>& inputs, bool keras3) {
    std::vector<std::string> references;
    for (const std::string& name : inputs)
      references.push_back(keras3 ? R"({"class_name":"__keras_tensor__","config":{"shape":[null],"dtype":"float32",)"
                                    R"("keras_history":[")" +
                                        name + R"(",0,0]}})"
                                  : "[\"" + name + "\",0,0,{}]");
    std::string list = references.front();
    for (std::size_t i = 1; i < references.size(); ++i) list += "," + references[i];
    if (!keras3) return "[[" + list + "]]";
    return R"([{"args":[)" + (references.size() > 1 ? "[" + list + "]" : list) + R"(],"kwargs":{}}])";
  }

  std::string functional(const std::string& class_name, bool keras3) const {
    return functional(class_name, keras3, layers_.size());
  }
  // The first so many layers.
  std::string functional(const std::string& class_name, bool keras3, std::size_t count) const {
    std::vector<std::string> entries;
    const written_layer input{"InputLayer", "input_1",
                              std::string(keras3 ? "\"batch_shape\":" : "\"batch_input_shape\":") + input_shape() +
                                  R"(,"dtype":"float32","sparse":false)"};
    entries.push_back(entry(input, "", R"(,"name":"input_1","inbound_nodes":[])"));
    std::string before = input.name;
    for (const written_layer& l : std::span(layers_).first(count)) {
      const std::string policy =
          R"("dtype":{"module":"keras","class_name":"DTypePolicy","config":{"name":"float32"}},)";
      const std::vector<std::string> inputs = l.inputs.empty() ? std::vector{before} : l.inputs;
      entries.push_back(entry(l, keras3 ? policy : "",
                              ",\"name\":\"" + l.name + R"(","inbound_nodes":)" + inbound_nodes(inputs, keras3)));
      before = l.name;
    }
    const std::string input_reference = keras3 ? R"(["input_1",0,0])" : R"([["input_1",0,0]])";
    const std::string output_reference = keras3 ? "[\"" + before + "\",0,0]" : "[[\"" + before + "\",0,0]]";
    return R"({"class_name":")" + class_name + R"(","config":{"name":"synthetic","layers":[)" + joined(entries) +
           R"(],"input_layers":)" + input_reference + R"(,"output_layers":)" + output_reference + "}}";
  }
  std::string sequential() const {
    if (options_.version == 2) throw std::invalid_argument("a Sequential has no layer with two inputs");
    std::vector<std::string> entries;
    for (std::size_t i = 0; i < layers_.size(); ++i)
      entries.push_back(entry(layers_[i], i == 0 ? "\"batch_input_shape\":" + input_shape() + "," : "", ""));
    return R"({"class_name":"Sequential","config":{"name":"synthetic","layers":[)" + joined(entries, false) + "]}}";
  }
  // The network inside a Sequential of one.
  std::string nested() const {
    return R"({"class_name":"Sequential","config":{"name":"outer","layers":[)" + functional("Functional", false) +
           "]}}";
  }
  // A network without its head, as one layer of a new one that has a head, as transfer learning writes it.
  std::string transfer() const {
    std::string entries = functional("Functional", false, head_begins_);
    for (const written_layer& l : std::span(layers_).subspan(head_begins_)) entries += "," + entry(l, "", "");
    return R"({"class_name":"Sequential","config":{"name":"outer","layers":[)" + entries + "]}}";
  }
  std::string transfer_functional() const {
    std::string base = functional("Functional", false, head_begins_);
    base.pop_back();
    std::string entries = R"({"class_name":"InputLayer","config":{"name":"outer_input","batch_input_shape":)" +
                          input_shape() + R"(,"dtype":"float32"},"name":"outer_input","inbound_nodes":[]},)" + base +
                          R"(,"name":"synthetic","inbound_nodes":[[["outer_input",0,0,{}]]]})";
    std::string before = R"("synthetic",1)";  // 0 is its use on the input of its own
    for (const written_layer& l : std::span(layers_).subspan(head_begins_)) {
      entries += "," + entry(l, "", ",\"name\":\"" + l.name + R"(","inbound_nodes":[[[)" + before + R"(,0,{}]]])");
      before = "\"" + l.name + "\",0";
    }
    return R"({"class_name":"Functional","config":{"name":"outer","layers":[)" + entries +
           R"(],"input_layers":[["outer_input",0,0]],"output_layers":[[)" + before + R"(,0]]}})";
  }

  std::string joined(std::vector<std::string> parts, bool may_reverse = true) const {
    if (options_.reverse_layers && may_reverse) std::reverse(parts.begin(), parts.end());
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
    return text;
  }

  std::string make_topology() const {
    std::string model;
    switch (options_.written_as) {
      case topology::functional: model = functional("Model", false); break;
      case topology::keras3: model = functional("Functional", true); break;
      case topology::sequential: model = sequential(); break;
      case topology::nested: model = nested(); break;
      case topology::transfer: model = transfer(); break;
      case topology::transfer_functional: model = transfer_functional(); break;
    }
    if (!options_.model_config) return model;
    return R"({"keras_version":"2.1.4","backend":"tensorflow","model_config":)" + model + "}";
  }

  synthetic_options options_;
  synthetic_weights weights_;
  std::vector<written_layer> layers_;
  std::size_t head_begins_ = 0;
};

inline synthetic_model make_synthetic_model(const synthetic_options& options) {
  return synthetic_writer(options).make();
}

}  // namespace mobilenet::test
