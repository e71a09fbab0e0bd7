// TensorFlow.js models to packed models: what comes out, and each way in which a model can be refused.
#include "support/files.hpp"
#include "support/read_model.hpp"
#include "support/synthetic_model.hpp"

#include "cli/convert.hpp"
#include "pack/packed_model_writer.hpp"
#include "tfjs/labels.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/model/open.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace mobilenet;
using test::make_synthetic_model;
using test::synthetic_model;
using test::synthetic_options;
using tools::unpacked_model;
using topology = synthetic_options::topology;
using head = synthetic_options::head;
namespace fs = std::filesystem;

constexpr float infinity = std::numeric_limits<float>::infinity();

synthetic_options small() {
  synthetic_options o;
  o.resolution = 16;
  o.classes = 3;
  o.blocks = 2;
  return o;
}

result<unpacked_model> read_folder(const std::string& folder) { return test::read_model(folder); }

unpacked_model read(const synthetic_model& model) {
  const support::temporary_folder folder;
  model.write_to(folder.path());
  return read_folder(folder.path()).value();
}

// Shards of a model in a folder, for one model.json after the other.
struct model_folder {
  support::temporary_folder folder;

  result<unpacked_model> read_json(std::string_view json) const {
    support::write_file(folder / "model.json", json);
    return read_folder(folder.path());
  }
  std::string failure(std::string_view json) const {
    const auto made = read_json(json);
    if (made) return "(no error)";
    std::string message = made.error().message;
    for (std::size_t at; (at = message.find(folder.path() + "/")) != std::string::npos;)
      message.erase(at, folder.path().size() + 1);
    return message;
  }
};

using edits = std::vector<std::pair<std::string, std::string>>;

std::string edited(std::string json, const edits& changes) {
  for (const auto& change : changes) {
    const std::size_t at = json.find(change.first);
    REQUIRE_MESSAGE(at != std::string::npos, change.first);
    json.replace(at, change.first.size(), change.second);
  }
  return json;
}

/// A Sequential model on images of 4x4 pixels, written by hand.
class hand_made {
 public:
  hand_made& layer(const std::string& class_name, const std::string& name, const std::string& config = {}) {
    const std::string input = layers_.empty() ? R"("batch_input_shape":[null,4,4,3],)" : "";
    layers_ += (layers_.empty() ? "" : ",") + std::string(R"({"class_name":")") + class_name + R"(","config":{)" +
               input + config + (config.empty() ? "" : ",") + R"("name":")" + name + "\"}}";
    return *this;
  }
  hand_made& weight(const std::string& name, const std::string& shape, const std::vector<float>& values) {
    weights_ += (weights_.empty() ? "" : ",") + std::string(R"({"name":")") + name + R"(","shape":)" + shape +
                R"(,"dtype":"float32"})";
    values_.insert(values_.end(), values.begin(), values.end());
    return *this;
  }
  void write_to(const support::temporary_folder& folder) const {
    if (!values_.empty()) support::write_file(folder / "weights.bin", std::as_bytes(std::span(values_)));
    const std::string path = values_.empty() ? "" : R"("weights.bin")";
    support::write_file(folder / "model.json",
                        R"({"modelTopology":{"class_name":"Sequential","config":{"name":"by_hand","layers":[)" +
                            layers_ + R"(]}},"weightsManifest":[{"paths":[)" + path + R"(],"weights":[)" + weights_ +
                            "]}]}");
  }
  result<unpacked_model> read() const {
    const support::temporary_folder folder;
    write_to(folder);
    return read_folder(folder.path());
  }
  std::string failure() const {
    const support::temporary_folder folder;
    write_to(folder);
    const auto made = read_folder(folder.path());
    if (made) return "(no error)";
    const std::string prefix = folder / "model.json: ";
    REQUIRE(made.error().message.starts_with(prefix));
    return made.error().message.substr(prefix.size());
  }

 private:
  std::string layers_;
  std::string weights_;
  std::vector<float> values_;
};

hand_made one_convolution(const std::string& config = {}) {
  hand_made m;
  m.layer("Conv2D", "conv", R"("filters":2,"kernel_size":[1,1])" + config);
  m.weight("conv/kernel", "[1,1,3,2]", {1, 2, 3, 4, 5, 6});
  return m;
}

TEST_CASE("every layer of MobileNet becomes one packed layer") {
  synthetic_options o;
  o.alpha = 0.5;
  o.resolution = 96;
  o.classes = 10;
  const unpacked_model m = read(make_synthetic_model(o));
  REQUIRE(m.layers.size() == 1 + 26 + 3);
  CHECK(m.layers[0].layer ==
        layers::any_layer(layers::conv2d{{96, 96, 3}, 16, {3, 3, 2, {0, 0, 1, 1}}, layers::relu6}));
  CHECK(m.layers[0].names == "conv1\nconv1_bn\nconv1_relu");
  CHECK(m.layers[0].folded_names == 2);
  CHECK(m.layers[1].layer ==
        layers::any_layer(layers::depthwise_conv2d{{48, 48, 16}, {3, 3, 1, {1, 1, 1, 1}}, layers::relu6}));
  CHECK(m.layers[2].layer == layers::any_layer(layers::pointwise_conv2d{{48, 48, 16}, 32, layers::relu6}));
  CHECK(m.layers[3].layer ==
        layers::any_layer(layers::depthwise_conv2d{{48, 48, 32}, {3, 3, 2, {0, 0, 1, 1}}, layers::relu6}));
  CHECK(m.layers[26].layer == layers::any_layer(layers::pointwise_conv2d{{3, 3, 512}, 512, layers::relu6}));
  CHECK(m.layers[26].names == "conv_pw_13\nconv_pw_13_bn\nconv_pw_13_relu");
  CHECK(m.layers[27].layer == layers::any_layer(layers::global_average_pool{{3, 3, 512}}));
  CHECK(m.layers[27].names == "global_average_pooling2d_1\nreshape_1\ndropout");
  CHECK(m.layers[27].folded_names == 0);
  CHECK(m.layers[28].layer == layers::any_layer(layers::dense{{1, 1, 512}, 10, {}}));
  CHECK(m.layers[28].names == "conv_preds");
  CHECK(m.layers[29].layer == layers::any_layer(layers::softmax{{1, 1, 10}}));
  CHECK(m.layers[29].names == "act_softmax\nreshape_2");
  CHECK(m.output == output_kind::classes);
  CHECK(m.class_offset == 0);
  CHECK(m.preprocessing == preprocessing{});
}

TEST_CASE("the same network written differently gives the same packed layers") {
  const unpacked_model expected = read(make_synthetic_model(small()));
  const auto check = [&](const char* what, auto change) {
    CAPTURE(what);
    synthetic_options o = small();
    change(o);
    const unpacked_model m = read(make_synthetic_model(o));
    REQUIRE(m.layers.size() == expected.layers.size());
    for (std::size_t i = 0; i < m.layers.size(); ++i) {
      CAPTURE(i);
      CHECK(m.layers[i].layer == expected.layers[i].layer);
      CHECK(m.layers[i].kernel == expected.layers[i].kernel);
      CHECK(m.layers[i].bias == expected.layers[i].bias);
    }
    return m;
  };
  check("Sequential", [](auto& o) { o.written_as = topology::sequential; });
  check("a model inside a Sequential", [](auto& o) { o.written_as = topology::nested; });
  check("Keras 3", [](auto& o) { o.written_as = topology::keras3; });
  check("layers in reverse", [](auto& o) { o.reverse_layers = true; });
  check("without model_config", [](auto& o) { o.model_config = false; });
  check("keepdims, which TensorFlow.js 4.22 does not know", [](auto& o) { o.keepdims = true; });
  check("a Dropout after every activation", [](auto& o) { o.dropouts = true; });
  check("shards in a folder", [](auto& o) { o.shard_folder = "the weights/100%/"; });
  check("ReLU layers", [](auto& o) { o.relu_layer = true; });
  check("weights in any order", [](auto& o) { o.shuffle_weights = true; });
  check("a group for each layer", [](auto& o) { o.group_per_layer = true; });
  check("shards of 7 bytes", [](auto& o) { o.shard_bytes = 7; });
  check("all of it", [](auto& o) {
    o.written_as = topology::nested;
    o.reverse_layers = o.shuffle_weights = true;
    o.shard_bytes = 1001;
  });
  check("names with a model's name", [](auto& o) { o.weight_prefix = "mobilenet/"; });
  check("names with :0", [](auto& o) { o.weight_suffix = ":0"; });
  const unpacked_model padded = check("ZeroPadding2D", [](auto& o) { o.zero_padding = true; });
  CHECK(padded.layers[0].names == "conv1_pad\nconv1\nconv1_bn\nconv1_relu");
  CHECK(padded.layers[0].folded_names == 3);
  CHECK(padded.layers[2].names == "conv_pw_1\nconv_pw_1_bn\nconv_pw_1_relu");
}

TEST_CASE("heads") {
  const auto ends = [](head h, std::uint32_t classes = 3) {
    synthetic_options o = small();
    o.ends_with = h;
    o.classes = classes;
    return read(make_synthetic_model(o));
  };
  unpacked_model m = ends(head::dense);
  CHECK(m.output == output_kind::classes);
  CHECK(m.layers[6].layer == layers::any_layer(layers::dense{{1, 1, 32}, 3, {}}));
  CHECK(m.layers[7].names == "softmax_1");

  m = ends(head::dense_with_softmax);
  CHECK(m.output == output_kind::classes);
  CHECK(m.layers[6].names == "predictions");
  CHECK(m.layers[6].folded_names == 1);  // the layer's own activation is the softmax's
  CHECK(m.layers[7].names == "predictions");
  CHECK(m.layers[7].folded_names == 0);

  m = ends(head::scores);
  CHECK(m.output == output_kind::values);
  CHECK(m.layers.size() == 7);

  m = ends(head::scores, 1001);
  CHECK(m.layers[7].layer == layers::any_layer(layers::softmax{{1, 1, 1000}}));
  CHECK(m.class_offset == 0);

  m = ends(head::convolution, 1001);
  CHECK(m.layers[7].layer == layers::any_layer(layers::softmax{{1, 1, 1001}}));
  CHECK(m.class_offset == 1);

  m = ends(head::pooling);
  CHECK(m.output == output_kind::features);
  CHECK(m.layers.size() == 6);
  m = ends(head::none);
  CHECK(m.output == output_kind::features);
  CHECK(m.layers.size() == 5);
  CHECK(tools::write_packed_model(m));
}

TEST_CASE("batch norm is folded into kernel and bias") {
  // scale = gamma / sqrt(variance + epsilon) = 2 / 2, 3 / 4; offset = beta - mean * scale
  const auto model_with = [](const std::string& config, const char* switches) {
    hand_made m = one_convolution(config);
    m.layer("BatchNormalization", "bn", switches);
    if (config.empty()) m.weight("conv/bias", "[2]", {10, 20});
    if (std::string_view(switches).find(R"("scale":false)") == std::string_view::npos)
      m.weight("bn/gamma", "[2]", {2, 3});
    if (std::string_view(switches).find(R"("center":false)") == std::string_view::npos)
      m.weight("bn/beta", "[2]", {1, -1});
    return m.weight("bn/moving_mean", "[2]", {4, 5})
        .weight("bn/moving_variance", "[2]", {3, 15})
        .read()
        .value()
        .layers[0];
  };
  auto layer = model_with("", R"("epsilon":1)");
  CHECK(layer.kernel == std::vector<float>{1, 1.5, 3, 3, 5, 4.5});
  CHECK(layer.bias == std::vector<float>{7, 10.25});
  CHECK(layer.names == "conv\nbn");
  CHECK(layer.folded_names == 1);
  layer = model_with(R"(,"use_bias":false)", R"("epsilon":1)");
  CHECK(layer.kernel == std::vector<float>{1, 1.5, 3, 3, 5, 4.5});
  CHECK(layer.bias == std::vector<float>{-3, -4.75});
  layer = model_with(R"(,"use_bias":false)", R"("epsilon":1,"scale":false)");
  CHECK(layer.kernel == std::vector<float>{0.5, 0.5, 1.5, 1, 2.5, 1.5});
  CHECK(layer.bias == std::vector<float>{-1, -2.25});
  layer = model_with(R"(,"use_bias":false)", R"("epsilon":1,"center":false,"axis":[3])");
  CHECK(layer.bias == std::vector<float>{-4, -3.75});
  layer = model_with(R"(,"use_bias":false)", R"("epsilon":1,"center":false,"scale":false,"axis":3)");
  CHECK(layer.bias == std::vector<float>{-2, -1.25});
  layer = model_with("", R"("momentum":0.9)");  // epsilon is 0.001 unless given
  CHECK(layer.kernel[0] == static_cast<float>(1 * 2 / std::sqrt(3.001)));
}

TEST_CASE("depthwise kernels are folded channel by channel") {
  hand_made m;
  m.layer("DepthwiseConv2D", "dw", R"("kernel_size":[2,1],"use_bias":false)")
      .layer("BatchNormalization", "bn", R"("epsilon":0,"scale":false)")
      .layer("ReLU", "relu");
  m.weight("bn/moving_variance", "[3]", {1, 4, 16}).weight("dw/depthwise_kernel", "[2,1,3,1]", {1, 2, 3, 4, 5, 6});
  m.weight("bn/moving_mean", "[3]", {0, 0, 1}).weight("bn/beta", "[3]", {0, 1, 0});
  const auto layer = m.read().value().layers[0];
  CHECK(layer.layer == layers::any_layer(layers::depthwise_conv2d{{4, 4, 3}, {2, 1, 1, {}}, {0, infinity}}));
  CHECK(layer.kernel == std::vector<float>{1, 1, 0.75, 4, 2.5, 1.5});
  CHECK(layer.bias == std::vector<float>{0, 1, -0.25});
}

TEST_CASE("padding becomes the convolution's own") {
  const auto pad = [](const std::string& zero_padding, const std::string& window, const std::string& kernel_shape) {
    hand_made m;
    if (zero_padding != "none") m.layer("ZeroPadding2D", "pad", zero_padding);
    m.layer("Conv2D", "conv", "\"filters\":1,\"use_bias\":false," + window);
    std::size_t values = 1;
    for (const char c : kernel_shape)
      if (c >= '1' && c <= '9') values *= static_cast<std::size_t>(c - '0');
    m.weight("conv/kernel", kernel_shape, std::vector<float>(values, 1));
    return std::get<layers::conv2d>(m.read().value().layers[0].layer).window.pad;
  };
  using p = layers::padding;
  const std::string three = R"("kernel_size":3)", two_strides = R"("strides":2,)";
  CHECK(pad("none", three, "[3,3,3,1]") == p{0, 0, 0, 0});  // valid unless given
  CHECK(pad("none", three + R"(,"padding":"same")", "[3,3,3,1]") == p{1, 1, 1, 1});
  CHECK(pad("none", two_strides + three + R"(,"padding":"same")", "[3,3,3,1]") == p{0, 0, 1, 1});
  CHECK(pad("none", R"("kernel_size":[2,5],"padding":"same")", "[2,5,3,1]") == p{0, 2, 1, 2});
  CHECK(pad("", three, "[3,3,3,1]") == p{1, 1, 1, 1});
  CHECK(pad(R"("padding":2)", three, "[3,3,3,1]") == p{2, 2, 2, 2});
  CHECK(pad(R"("padding":[0,2])", three, "[3,3,3,1]") == p{0, 2, 0, 2});
  CHECK(pad(R"("padding":[[0,1],[2,0]])", two_strides + three, "[3,3,3,1]") == p{0, 2, 1, 0});
  // SAME counts from the padded size: 5 rows with stride 2 are padded on both sides.
  CHECK(pad(R"("padding":[[0,1],[0,1]])", two_strides + three + R"(,"padding":"same")", "[3,3,3,1]") == p{1, 1, 2, 2});
}

TEST_CASE("a dense layer on a flattened activation is a convolution with a window of its size") {
  hand_made m;
  m.layer("Flatten", "flat").layer("Dropout", "drop").layer("Dense", "fc", R"("units":2,"activation":"relu")");
  m.layer("Dense", "out", R"("units":2,"activation":"softmax")");
  std::vector<float> kernel(96);
  for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] = static_cast<float>(i);
  m.weight("fc/kernel", "[48,2]", kernel).weight("fc/bias", "[2]", {1, 2});
  m.weight("out/kernel", "[2,2]", {1, 0, 0, 1}).weight("out/bias", "[2]", {0, 0});
  const unpacked_model source = m.read().value();
  CHECK(source.layers[0].layer == layers::any_layer(layers::conv2d{{4, 4, 3}, 2, {4, 4, 1, {}}, {0, infinity}}));
  CHECK(source.layers[0].kernel == kernel);
  CHECK(source.layers[0].names == "flat\ndrop\nfc");
  CHECK(source.layers[0].folded_names == 2);
  CHECK(source.layers[1].layer == layers::any_layer(layers::dense{{1, 1, 2}, 2, {}}));
}

TEST_CASE("what scales each channel before a Flatten and each value after it goes into the dense layer") {
  hand_made m;  // 4x4x3
  m.layer("Flatten", "flat").layer("Rescaling", "double", R"("scale":2,"offset":1)");
  m.layer("Dense", "fc", R"("units":1,"use_bias":false)").weight("fc/kernel", "[48,1]", std::vector<float>(48, 1));
  const auto at_the_front = m.read().value();
  CHECK(at_the_front.layers[0].kernel == std::vector<float>(48, 1));
  CHECK(at_the_front.preprocessing == preprocessing{preprocessing::formula::multiply_add, 2, 1});

  hand_made n;
  n.layer("Conv2D", "conv", R"("filters":2,"kernel_size":1,"use_bias":false,"activation":"relu")");
  n.layer("BatchNormalization", "bn", R"("epsilon":0,"center":false)").layer("Flatten", "flat");
  n.layer("Rescaling", "half", R"("scale":0.5,"offset":3)");
  n.layer("Dense", "fc", R"("units":1,"use_bias":false)").weight("fc/kernel", "[32,1]", std::vector<float>(32, 1));
  n.weight("conv/kernel", "[1,1,3,2]", std::vector<float>(6, 1));
  n.weight("bn/gamma", "[2]", {2, 4})
      .weight("bn/moving_mean", "[2]", {0, 0})
      .weight("bn/moving_variance", "[2]", {1, 1});
  const auto dense = n.read().value().layers[1];
  REQUIRE(dense.kernel.size() == 32);
  for (std::size_t i = 0; i < 32; ++i) CHECK(dense.kernel[i] == (i % 2 == 0 ? 1 : 2));
  CHECK(dense.bias == std::vector<float>{96});
}

TEST_CASE("names and properties that only Keras 3 writes") {
  const std::vector<float> ones(6, 1.0f);
  hand_made n;
  n.layer("DepthwiseConv2D", "dw", R"("kernel_size":1,"use_bias":false)")
      .layer("BatchNormalization", "bn", R"("center":false)");
  n.layer("Activation", "relu", R"("activation":{"class_name":"function","config":"relu6"})");
  n.layer("GlobalAveragePooling2D", "pool", R"("keepdims":true)");
  n.layer("Conv2D", "preds", R"("filters":2,"kernel_size":1)").layer("Softmax", "softmax", R"("axis":-1)");
  n.weight("dw/kernel", "[1,1,3,1]", {1, 2, 3}).weight("preds/0", "[1,1,3,2]", ones).weight("preds/1", "[2]", {1, 2});
  n.weight("bn/0", "[3]", {1, 1, 1}).weight("bn/1", "[3]", {0, 0, 0}).weight("bn/2", "[3]", {1, 1, 1});
  const unpacked_model source = n.read().value();
  CHECK(source.layers[0].names == "dw\nbn\nrelu");
  CHECK(std::get<layers::depthwise_conv2d>(source.layers[0].layer).activation == layers::relu6);
  CHECK(source.layers[2].layer == layers::any_layer(layers::dense{{1, 1, 3}, 2, {}}));
  CHECK(source.layers[2].bias == std::vector<float>{1, 2});
}

TEST_CASE("batch norm behind an activation or a pooling goes into the kernel that follows") {
  const auto normalise = [](hand_made& m) {  // x * 2 + 1, x / 2 + 3
    m.layer("BatchNormalization", "bn", R"("epsilon":0)").layer("Dropout", "drop");
    m.weight("bn/gamma", "[2]", {2, 1}).weight("bn/beta", "[2]", {1, 3});
    m.weight("bn/moving_mean", "[2]", {0, 0}).weight("bn/moving_variance", "[2]", {1, 4});
  };
  hand_made m = one_convolution(R"(,"use_bias":false,"activation":"relu")");
  m.layer("GlobalAveragePooling2D", "pool");
  normalise(m);
  m.layer("Dense", "out", R"("units":2)")
      .weight("out/kernel", "[2,2]", {1, 2, 3, 4})
      .weight("out/bias", "[2]", {10, 20});
  const unpacked_model pooled = m.read().value();
  CHECK(pooled.layers[1].names == "pool");
  CHECK(pooled.layers[2].names == "bn\ndrop\nout");
  CHECK(pooled.layers[2].folded_names == 2);
  CHECK(pooled.layers[2].kernel == std::vector<float>{2, 4, 1.5, 2});
  CHECK(pooled.layers[2].bias == std::vector<float>{10 + 1 * 1 + 3 * 3, 20 + 2 * 1 + 4 * 3});

  m = one_convolution(R"(,"use_bias":false,"activation":"relu")");
  normalise(m);
  m.layer("DepthwiseConv2D", "dw", R"("kernel_size":[2,1],"use_bias":false)")
      .weight("dw/depthwise_kernel", "[2,1,2,1]", {1, 2, 3, 4});
  const unpacked_model depthwise = m.read().value();
  CHECK(depthwise.layers[1].kernel == std::vector<float>{2, 1, 6, 2});
  CHECK(depthwise.layers[1].bias == std::vector<float>{4, 18});

  m = one_convolution(R"(,"use_bias":false,"activation":"relu")");
  normalise(m);
  m.layer("Conv2D", "next", R"("filters":1,"kernel_size":[2,1],"use_bias":false)")
      .weight("next/kernel", "[2,1,2,1]", {1, 2, 3, 4});
  const unpacked_model next = m.read().value();
  CHECK(next.layers[1].kernel == std::vector<float>{2, 1, 6, 2});
  CHECK(next.layers[1].bias == std::vector<float>{22});

  // Where zeros are padded, an offset inside the kernel would count at the edges too: it gets a layer of its own.
  m = one_convolution(R"(,"use_bias":false,"activation":"relu")");
  normalise(m);
  m.layer("Conv2D", "next", R"("filters":1,"kernel_size":[2,1],"padding":"same","use_bias":false)")
      .weight("next/kernel", "[2,1,2,1]", {1, 2, 3, 4});
  const unpacked_model padded = m.read().value();
  REQUIRE(padded.layers.size() == 3);
  CHECK(padded.layers[1].layer == layers::any_layer(layers::depthwise_conv2d{{4, 4, 2}, {1, 1, 1, {}}, {}}));
  CHECK(padded.layers[1].kernel == std::vector<float>{2, 0.5f});
  CHECK(padded.layers[1].bias == std::vector<float>{1, 3});
  CHECK(padded.layers[1].names == "bn\ndrop");
  CHECK(padded.layers[2].kernel == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("a sigmoid of one score becomes two classes") {
  const auto ending = [](const std::string& units, const std::vector<float>& kernel) {
    hand_made m;
    m.layer("GlobalAveragePooling2D", "pool")
        .layer("Dense", "out", "\"units\":" + units + R"(,"use_bias":false,"activation":"sigmoid")");
    return m.weight("out/kernel", "[3," + units + "]", kernel);
  };
  const unpacked_model source = ending("1", {1, 2, 3}).read().value();
  CHECK(source.output == output_kind::classes);
  CHECK(source.layers[1].layer == layers::any_layer(layers::dense{{1, 1, 3}, 2, {}}));
  CHECK(source.layers[1].kernel == std::vector<float>{0, 1, 0, 2, 0, 3});
  CHECK(source.layers[2].layer == layers::any_layer(layers::softmax{{1, 1, 2}}));
}

TEST_CASE("sigmoids of several scores are a layer, and their classes do not exclude each other") {
  hand_made m;
  m.layer("GlobalAveragePooling2D", "pool")
      .layer("Dense", "out", R"("units":2,"use_bias":false,"activation":"sigmoid")")
      .weight("out/kernel", "[3,2]", {1, 2, 3, 4, 5, 6});
  const unpacked_model source = m.read().value();
  CHECK(source.output == output_kind::classes);
  CHECK(source.class_offset == 0);
  REQUIRE(source.layers.size() == 3);
  CHECK(source.layers[1].layer == layers::any_layer(layers::dense{{1, 1, 3}, 2, {}}));
  CHECK(source.layers[1].folded_names == 1);  // the layer's own activation is the sigmoid's
  CHECK(source.layers[2].layer == layers::any_layer(layers::activation{{1, 1, 2}, layers::function::sigmoid, 0.0f}));
  CHECK(source.layers[2].names == "out");
}

TEST_CASE("a Rescaling layer in front becomes part of the preprocessing") {
  hand_made m;
  m.layer("Rescaling", "rescaling", R"("scale":0.5,"offset":-3)")
      .layer("Conv2D", "conv", R"("filters":1,"kernel_size":1)");
  m.weight("conv/kernel", "[1,1,3,1]", {1, 2, 3}).weight("conv/bias", "[1]", {0});
  const unpacked_model source = m.read().value();
  CHECK(source.preprocessing == preprocessing{preprocessing::formula::multiply_add, 0.5f, -3.0f});
  CHECK(source.layers[0].names == "rescaling\nconv");
}

TEST_CASE("what the caller says about the input is followed") {
  const support::temporary_folder folder;
  make_synthetic_model(small()).write_to(folder.path());
  convert_options options;
  const auto read = [&] { return test::read_model(folder / "model.json", options); };
  options.range = {0.0f, 255.0f};
  CHECK(read().value().preprocessing == preprocessing::to_range(0, 255));
  options.range = {1.0f, 1.0f};
  CHECK(read().error().message == "input range: found 1.000000 to 1.000000, expected two different finite numbers");
  options.range = {0.0f, infinity};
  CHECK_FALSE(read());

  using p = preprocessing;
  options = {.like = application::nsfwjs};
  CHECK(read().value().preprocessing == p{.scaling = p::formula::divide_add, .a = 255.0f, .b = 0.0f});
  options = {.like = application::teachable_machine, .resize = p::resize_method::nearest, .grey = p::grey_rule::mean};
  CHECK(read().value().preprocessing == p{.scaling = p::formula::divide_add,
                                          .a = 127.0f,
                                          .b = -1.0f,
                                          .resize = p::resize_method::nearest,
                                          .crop = p::crop_rule::centre_square});
  options = {.like = application::mobilenet, .crop = p::crop_rule::centre_square};
  CHECK(read().value().preprocessing == p{.crop = p::crop_rule::centre_square});
}

TEST_CASE("class names in every form") {
  using names = std::vector<std::string>;
  const auto parsed = [](std::string_view text, std::uint32_t classes = 3) {
    return tools::parse_labels(text, classes);
  };
  for (const std::string_view text : {
           "a\nb c\nd\n",
           "a\nb c\nd",
           "a\nb c\nd\n\n",
           "a\r\nb c\r\nd\r\n\r\n",
           "\xef\xbb\xbf"
           "a\nb c\nd\n",
           R"(["a", "b c", "d"])",
           R"({"d": 2, "a": 0, "b c": 1})",
           R"({"0": "a", "2": "d", "1": "b c"})",
           R"({"0": ["n01440764", "a"], "1": ["n01443537", "b c"], "2": ["n01484850", "d"]})",
           R"( {"packageName": "@teachablemachine/image", "labels": ["a", "b c", "d"], "imageSize": 224})",
           "\xef\xbb\xbf[\"a\", \"b c\", \"d\"]",
           "background\na\nb c\nd\n",
       }) {
    CAPTURE(text);
    const auto found = parsed(text);
    REQUIRE_MESSAGE(found, found.error().message);
    CHECK(*found == names{"a", "b c", "d"});
  }
  CHECK(parsed("a\na\n\xc3\xa4").value() == names{"a", "a", "\xc3\xa4"});
  CHECK(parsed("background\ntench", 2).value() == names{"background", "tench"});

  struct row {
    std::string_view text;
    std::string message;
  };
  const row rows[] = {
      {"a\nb\n", "has 2 lines, expected 3, one for each class of the model"},
      {"", "has 0 lines, expected 3, one for each class of the model"},
      {"tench\na\nb\nc\n", "has 4 lines, expected 3, one for each class of the model"},
      {"a\n\nc\n", "line 2 is empty, expected a class name"},
      {"a\n\x01z\nc\n", "line 2 is \"\\x01z\", expected text without control characters"},
      {R"(["a"])", "has 1 names, expected 3, one for each class of the model"},
      {R"(["a", 2, "c"])", "[1]: found 2, expected a string"},
      {R"(["a", "", "c"])", "[1]: found \"\", expected a class name without control characters"},
      {R"(["a", "b")", "not valid JSON at byte 9: Missing a comma or ']' after an array element."},
      {R"({"a": 0, "b": 1, "c": 3})", "c: found 3, expected a number from 0 to 2, each once"},
      {R"({"a": 0, "b": 1, "c": 1})", "c: found 1, expected a number from 0 to 2, each once"},
      {R"({"a": 0, "b": -1, "c": 1})", "b: found -1, expected an integer, 0 or more"},
      {R"({"0": "a", "x": "b", "2": "c"})", "\"x\": expected a number from 0 to 2, each once"},
      {R"({"0": "a", "1": {}, "2": "c"})", "1: found an object, expected a string"},
      {"{}", "has 0 names, expected 3, one for each class of the model"},
  };
  for (const row& r : rows) {
    CAPTURE(r.text);
    const auto refused = parsed(r.text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == r.message);
  }
}

TEST_CASE("class names lie beside the model or are given") {
  const support::temporary_folder folder;
  make_synthetic_model(small()).write_to(folder.path());
  convert_options options;
  const auto read = [&] { return test::read_model(folder.path(), options); };
  using names = std::vector<std::string>;
  CHECK(read().value().labels.empty());
  support::write_file(folder / "labels.txt", std::string_view("x\ny\nz\n"));
  CHECK(read().value().labels == names{"x", "y", "z"});
  support::write_file(folder / "metadata.json", std::string_view(R"({"labels":["1","2"]})"));
  CHECK(read().value().labels == names{"x", "y", "z"});  // somebody else's metadata
  options.labels = "a\nb\nc";
  CHECK(read().value().labels == names{"a", "b", "c"});
  options.labels = "a\nb";
  options.labels_name = "my/names";
  CHECK(read().error().message == "my/names: has 2 lines, expected 3, one for each class of the model");

  synthetic_options features = small();
  features.ends_with = head::pooling;
  make_synthetic_model(features).write_to(folder.path());
  CHECK(read().error().message == "my/names: class names for a model that computes features and has no classes");
  options.labels.reset();
  CHECK(read().value().labels.empty());
}

TEST_CASE("Teachable Machine's metadata.json gives labels, preprocessing and image size") {
  const support::temporary_folder folder;
  make_synthetic_model(small()).write_to(folder.path());
  const auto metadata = [&](std::string_view text) {
    support::write_file(folder / "metadata.json", text);
    return test::read_model(folder.path());
  };
  const auto made =
      metadata(R"({"packageName":"@teachablemachine/image","labels":["a","b","c"],"imageSize":16})").value();
  CHECK(made.labels == std::vector<std::string>{"a", "b", "c"});
  using p = preprocessing;
  CHECK(made.preprocessing == p{.scaling = p::formula::divide_add,
                                .a = 127.0f,
                                .b = -1.0f,
                                .resize = p::resize_method::bilinear_half_pixel,
                                .crop = p::crop_rule::centre_square});
  CHECK(metadata(R"({"packageName":"@teachablemachine/image","labels":["a"]})").error().message ==
        (folder / "metadata.json: has 1 names, expected 3, one for each class of the model"));
  CHECK(
      metadata(R"({"packageName":"@teachablemachine/image","labels":["a","b","c"],"imageSize":"x"})").error().message ==
      (folder / "metadata.json: imageSize: found \"x\", expected a positive integer"));
  CHECK(metadata(R"({"packageName":"@teachablemachine/image")").error().message ==
        (folder / "metadata.json: not valid JSON at byte 40: Missing a comma or '}' after an object member."));
  CHECK(metadata(R"({"packageName":"@teachablemachine/audio","labels":["a"]})").value().preprocessing == p{});
}

TEST_CASE("linear outputs are what the options, their names or their number say") {
  const support::temporary_folder folder;
  const auto read = [&](std::uint32_t outputs, const convert_options& options) {
    synthetic_options o = small();
    o.ends_with = head::scores;
    o.classes = outputs;
    make_synthetic_model(o).write_to(folder.path());
    return test::read_model(folder.path(), options);
  };
  const auto ends_with_softmax = [](const unpacked_model& m) {
    return std::holds_alternative<layers::softmax>(m.layers.back().layer);
  };
  const auto is = [&](const result<unpacked_model>& m, output_kind kind) {
    REQUIRE(m);
    CHECK(m->output == kind);
    CHECK(ends_with_softmax(*m) == (kind == output_kind::classes));
  };
  is(read(3, {}), output_kind::values);
  is(read(3, {.labels = "a\nb\nc"}), output_kind::classes);
  is(read(3, {.kind = output_kind::classes}), output_kind::classes);
  is(read(3, {.kind = output_kind::features}), output_kind::features);
  is(read(1000, {}), output_kind::classes);
  is(read(1001, {}), output_kind::classes);
  is(read(1001, {.kind = output_kind::values}), output_kind::values);
  is(read(1, {}), output_kind::values);
  CHECK(read(1, {.kind = output_kind::classes}).error().message ==
        (folder /
         "model.json: output kind: found classes, expected features or values: the model ends in dense of 1x1x1"));
}

TEST_CASE("a model is not written over its own source") {
  const support::temporary_folder folder;
  make_synthetic_model(small()).write_to(folder.path());
  tools::convert_command options;
  options.input = folder.path();
  options.labels = options.output = folder / "names";
  support::write_file(options.labels, std::string_view("a\n"));
  CHECK(tools::convert(options).error().message ==
        options.output + ": is the list of class names, expected another name");
  std::filesystem::remove(options.labels);
  options.labels.clear();
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const auto before = support::read_file(entry.path().string());
    options.output = folder / "." + "/" + entry.path().filename().string();
    const auto refused = tools::convert(options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message ==
          options.output + ": is a file of the model that is to be converted, expected another name");
    CHECK(support::read_file(entry.path().string()) == before);
  }
}

TEST_CASE("convert writes a model that opens, and says what it did") {
  const support::temporary_folder folder;
  synthetic_options o;
  o.alpha = 0.3;  // channels that are no multiple of anything
  o.resolution = 71;
  o.classes = 17;
  make_synthetic_model(o).write_to(folder.path());
  tools::convert_command options;
  options.input = folder.path();
  options.output = folder / "model.mnet";
  const auto made = tools::convert(options);
  REQUIRE(made);
  const conversion_report& report = made->report;
  const auto model = open_model(options.output, {.verify_checksums = true});
  REQUIRE(model);
  CHECK(report.model_json == folder / "model.json");
  CHECK(report.form == "layers model");
  CHECK(report.name == "synthetic");
  CHECK(report.source_weights == 137);
  CHECK(report.layers == 30);
  CHECK(made->bytes == support::read_file(options.output));
  CHECK(shape(model->input_type()) == shape{71, 71, 3});
  CHECK(model->class_count() == 17);
  CHECK(model->output_type().channels == 17);

  const auto first = support::read_file(options.output);
  REQUIRE(tools::convert(options));
  CHECK(support::read_file(options.output) == first);
  const support::temporary_folder elsewhere;
  make_synthetic_model(o).write_to(elsewhere.path());
  options.input = elsewhere / "model.json";
  REQUIRE(tools::convert(options));
  CHECK(support::read_file(options.output) == first);
}

TEST_CASE("a host may deliver the files") {
  const support::temporary_folder folder;
  make_synthetic_model(small()).write_to(folder.path());
  std::vector<std::string> asked;
  const deliver_file deliver = [&](const std::string& name) -> result<std::vector<std::byte>> {
    asked.push_back(name);
    if (!fs::exists(folder / name)) return error{errc::io_error, "not there"};
    return support::read_file(folder / name);
  };
  const auto made = convert_model(deliver);
  REQUIRE_MESSAGE(made, made.error().message);
  CHECK(made->bytes == convert_model(folder.path()).value().bytes);
  CHECK(asked.front() == "model.json");
  CHECK(std::count(asked.begin(), asked.end(), "model.json") == 1);
  CHECK(made->report.files.size() == made->report.shards + 1);

  const std::string shard = made->report.files.back();
  fs::remove(folder / shard);
  CHECK(convert_model(deliver).error().message == shard + ": not there (a shard of model.json)");
  support::write_file(folder / shard, std::string_view(""));
  CHECK(convert_model(deliver).error().message == shard + ": the file is empty (a shard of model.json)");
  CHECK(convert_model([](const std::string&) {
          return result<std::vector<std::byte>>(error{errc::io_error, "no net"});
        })
            .error()
            .message == "model.json: no net");
  CHECK(convert_model([](const std::string& name) {
          if (name == "labels.txt") return result<std::vector<std::byte>>(error{errc::out_of_memory, "too large"});
          return result<std::vector<std::byte>>(error{errc::io_error, "no net"});
        })
            .error()
            .code == errc::io_error);
}

TEST_CASE("a conversion that fails leaves the output as it was") {
  const support::temporary_folder in, out;
  const synthetic_model model = make_synthetic_model(small());
  model.write_to(in.path());
  tools::convert_command options;
  options.input = in.path();
  options.output = out / "model.mnet";
  REQUIRE(tools::convert(options));
  const auto before = support::read_file(options.output);
  fs::resize_file(in / model.shards[0].first, 100);
  CHECK_FALSE(tools::convert(options));
  CHECK(support::read_file(options.output) == before);
  options.output = out / "other.mnet";
  CHECK_FALSE(tools::convert(options));
  CHECK(std::distance(fs::directory_iterator(out.path()), fs::directory_iterator()) == 1);
}

// One row for each way to be wrong: what is changed in a good model.json, and the message.
TEST_CASE("each way a topology can be wrong has its message") {
  const model_folder m;
  const synthetic_model good = make_synthetic_model(small());
  good.write_to(m.folder.path());
  const std::string layers = "model.json: modelTopology.model_config.config.layers";
  const std::string conv1 = layers + "[1].config.";
  struct row {
    edits changes;
    std::string message;
  };
  const row rows[] = {
      // properties of a convolution
      {{{R"("strides":[2,2])", R"("strides":"two")"}},
       conv1 + "strides: found \"two\", expected an array of 2 positive integers"},
      {{{R"("strides":[2,2])", R"("strides":[0,0])"}},
       conv1 + "strides: found [0, 0], expected an array of 2 positive integers"},
      {{{R"("strides":[2,2])", R"("strides":[2,1])"}}, conv1 + "strides: found [2, 1], expected two equal numbers"},
      {{{R"("strides":[2,2])", R"("strides":-2)"}}, conv1 + "strides: found -2, expected a positive integer"},
      {{{R"("strides":[2,2])", R"("strides":[5000,5000])"}},
       "model.json: layer 'conv1' (Conv2D): a window of 3x3 with stride 5000, expected at most 1024"},
      {{{R"("kernel_size":[3,3])", R"("kernel_size":[3])"}},
       conv1 + "kernel_size: found [3], expected an array of 2 positive integers"},
      {{{R"("kernel_size":[3,3],)", ""}},
       conv1 + "kernel_size: found nothing, expected an array of 2 positive integers"},
      {{{R"("kernel_size":[3,3])", R"("kernel_size":[5,5])"}},
       "model.json: weight 'conv1/kernel' has shape [3, 3, 3, 8], expected [5, 5, 3, 8]"},
      {{{R"("filters":8)", R"("filters":0)"}}, conv1 + "filters: found 0, expected a positive integer"},
      {{{R"("filters":8)", R"("filters":"8")"}}, conv1 + "filters: found \"8\", expected a positive integer"},
      {{{R"("filters":8)", R"("filters":4000000000)"}},
       conv1 + "filters: found 4000000000, expected a positive integer"},
      {{{R"("filters":8)", R"("filters":9)"}},
       "model.json: weight 'conv1/kernel' has shape [3, 3, 3, 8], expected [3, 3, 3, 9]"},
      {{{R"("padding":"same")", R"("padding":"SAME")"}},
       conv1 + "padding: found \"SAME\", expected \"same\" or \"valid\""},
      {{{R"("padding":"same")", R"("padding":"causal")"}},
       conv1 + "padding: found \"causal\", expected \"same\" or \"valid\""},
      {{{R"("data_format":"channels_last")", R"("data_format":"channels_first")"}},
       conv1 + "data_format: found \"channels_first\", expected \"channels_last\""},
      {{{R"("dilation_rate":[1,1])", R"("dilation_rate":[2,2])"}}, conv1 + "dilation_rate: found [2, 2], expected 1"},
      {{{R"("dilation_rate":[1,1])", R"("groups":3)"}}, conv1 + "groups: found 3, expected 1"},
      {{{R"("activation":"linear")", R"("activation":"relu7")"}},
       conv1 + "activation: found \"relu7\", expected linear, relu, relu6, softmax, sigmoid, tanh, elu, "
               "selu, exponential, softplus, softsign, swish, gelu, hard_sigmoid, leaky_relu or mish"},
      {{{R"("activation":"linear")", R"("activation":{"class_name":"Custom"})"}},
       conv1 + "activation: found an object, expected a string"},
      {{{R"("use_bias":false)", R"("use_bias":"no")"}}, conv1 + "use_bias: found \"no\", expected true or false"},
      {{{R"("use_bias":false)", R"("use_bias":true)"}},
       "model.json: weight 'conv1/bias' is missing from weightsManifest"},
      {{{R"("depth_multiplier":1)", R"("depth_multiplier":2)"}},
       layers + "[4].config.depth_multiplier: found 2, expected 1"},
      // batch norm and activations
      {{{R"("axis":-1)", R"("axis":1)"}}, layers + "[2].config.axis: found 1, expected -1, the channels"},
      {{{R"("epsilon":0.001)", R"("epsilon":"small")"}},
       layers + "[2].config.epsilon: found \"small\", expected a number"},
      {{{R"("epsilon":0.001)", R"("epsilon":-2)"}},
       "model.json: layer 'conv1_bn' (BatchNormalization): moving_variance[0] + epsilon is -1.480120, expected more "
       "than 0"},
      {{{R"("scale":true)", R"("scale":false)"}}, "model.json: weight 'conv1_bn/gamma' belongs to no layer"},
      {{{R"("center":true)", R"("center":1)"}}, layers + "[2].config.center: found 1, expected true or false"},
      {{{R"("activation":"relu6")", R"("activation":"ReLU6")"}},
       layers + "[3].config.activation: found \"ReLU6\", expected linear, relu, relu6, softmax, sigmoid, tanh, elu, "
                "selu, exponential, softplus, softsign, swish, gelu, hard_sigmoid, leaky_relu or mish"},
      {{{R"("activation":"relu6")", R"("rate":1)"}},
       layers + "[3].config.activation: found nothing, expected the name of an activation"},
      {{{R"("activation":"relu6")", R"("activation":"softmax")"}},
       "model.json: layer 'conv1_relu' (Activation): not part of a MobileNet: softmax over an activation of 8x8x8"},
      // the input
      {{{R"([null,16,16,3])", R"([null,16,16,4])"}},
       layers + "[0].config.batch_input_shape: found [null, 16, 16, 4], expected [null, height, width, 3 or 1], height "
                "and width from 1 to 2048"},
      {{{R"([null,16,16,3])", R"([null,-16,16,3])"}},
       layers +
           "[0].config.batch_input_shape: found [null, -16, 16, 3], expected [null, height, width, 3 or 1], height "
           "and width from 1 to 2048"},
      {{{R"([null,16,16,3])", R"([null,100000,100000,3])"}},
       layers +
           "[0].config.batch_input_shape: found [null, 100000, 100000, 3], expected [null, height, width, 3 or 1], "
           "height and width from 1 to 2048"},
      {{{R"("batch_input_shape":[null,16,16,3],)", ""}},
       "model.json: layer 'input_1' (InputLayer): the first layer has no batch_input_shape"},
      {{{R"([null,16,16,3])", R"([null,1,1,3])"}, {R"("padding":"same")", R"("padding":"valid")"}},
       "model.json: layer 'conv1' (Conv2D): its window of 3x3 is larger than its input of 1x1x3"},
      // the chain
      {{{R"("class_name":"BatchNormalization")", R"("class_name":"LayerNormalization")"}},
       "model.json: layer 'conv1_bn' (LayerNormalization): not part of a MobileNet"},
      {{{R"([["conv1",0,0,{}]])", R"([["nowhere",0,0,{}]])"}},
       "model.json: layer 'conv1_bn' (BatchNormalization): its input 'nowhere' is not part of the model"},
      {{{R"([["input_1",0,0,{}]])", R"([["conv1_relu",0,0,{}]])"}},
       "model.json: layer 'conv1_relu' (Activation): it needs its own output as input: a cycle"},
      {{{R"([["conv1",0,0,{}]])", R"([["conv1_bn",0,0,{}]])"}},
       "model.json: layer 'conv1_bn' (BatchNormalization): it needs its own output as input: a cycle"},
      {{{R"("inbound_nodes":[[["conv1",0,0,{}]]])", R"("inbound_nodes":[])"}},
       "model.json: layer 'conv1_bn' (BatchNormalization): it has 0 inputs, expected 1"},
      {{{R"("inbound_nodes":[[["conv1",0,0,{}]]])", R"("inbound_nodes":"conv1")"}},
       layers + "[2].inbound_nodes: found \"conv1\", expected an array"},
      {{{R"("inbound_nodes":[[["conv1",0,0,{}]]])", R"("inbound_nodes":[7])"}},
       layers + "[2].inbound_nodes[0]: found 7, expected an array of [layer, 0, 0]"},
      {{{R"("inbound_nodes":[[["conv1",0,0,{}]]])", R"("inbound_nodes":[[[7,0,0]]])"}},
       layers + "[2].inbound_nodes[0][0]: found [7, 0, 0], expected an array of layer name, 0, 0"},
      {{{R"("inbound_nodes":[[["conv1",0,0,{}]]])", R"("inbound_nodes":[{"kwargs":{}}])"}},
       layers + "[2].inbound_nodes[0].args: found nothing, expected an array"},
      {{{R"("inbound_nodes":[[["conv1",0,0,{}]]])", R"("inbound_nodes":[[["conv1",0,0,{}]],[["conv1",0,0,{}]]])"}},
       "model.json: layer 'conv1_bn' (BatchNormalization): it is used 2 times, expected once"},
      {{{R"([["conv1",0,0,{}]])", R"([["conv1",0,0,{}],["input_1",0,0,{}]])"}},
       "model.json: layer 'conv1_bn' (BatchNormalization): it has 2 inputs, expected 1"},
      {{{R"({"class_name":"Activation","config":{"name":"conv_pw_2_relu")",
         R"({"class_name":"Add","config":{"name":"conv_pw_2_relu")"},
        {R"([["conv_pw_2_bn",0,0,{}]])", R"([["conv_pw_2_bn",0,0,{}],["conv_pw_1_relu",0,0,{}]])"}},
       "model.json: layer 'conv_pw_2_relu' (Add): its inputs are 4x4x32 and 8x8x16, expected equal shapes"},
      // The first that does not fit is named, of whatever kind: here an activation before an Add, as in MobileNet v3.
      {{{R"("activation":"relu6")", R"("activation":"hard_silu")"},
        {R"({"class_name":"Activation","config":{"name":"conv_pw_2_relu")",
         R"({"class_name":"Add","config":{"name":"conv_pw_2_relu")"},
        {R"([["conv_pw_2_bn",0,0,{}]])", R"([["conv_pw_2_bn",0,0,{}],["conv_pw_1_relu",0,0,{}]])"}},
       layers +
           "[3].config.activation: found \"hard_silu\", expected linear, relu, relu6, softmax, sigmoid, tanh, elu, "
           "selu, exponential, softplus, softsign, swish, gelu, hard_sigmoid, leaky_relu or mish"},
      // Layers that the output does not need are left out, with their weights.
      {{{R"([["conv_dw_2_relu",0,0,{}]])", R"([["conv_pw_1_relu",0,0,{}]])"}}, "(no error)"},
      {{{R"("name":"conv1_bn",)", R"("name":"conv1",)"}, {R"("name":"conv1_bn",)", R"("name":"conv1",)"}},
       "model.json: layer 'conv1' (BatchNormalization): there are two of this name"},
      {{{R"("name":"conv1_bn",)", R"("name":"conv1_xy",)"}},
       layers + "[2].name: found \"conv1_bn\", expected \"conv1_xy\", the name in its config"},
      {{{R"("name":"conv1_bn",)", R"("name":7,)"}}, layers + "[2].config.name: found 7, expected a string"},
      {{{R"("name":"conv1_bn",)", R"("name":"a\nb",)"}},
       layers + "[2].config.name: found \"a\\x0ab\", expected a name of printable characters"},
      {{{R"("output_layers":[["reshape_2",0,0]])", R"("output_layers":[["reshape_3",0,0]])"}},
       "model.json: modelTopology.model_config.config.output_layers: 'reshape_3' is not a layer of the model"},
      {{{R"("output_layers":[["reshape_2",0,0]])", R"("output_layers":[["reshape_2",0,0],["conv1",0,0]])"}},
       "model.json: the model has 2 outputs ('reshape_2', 'conv1'): choose one with --output NAME"},
      {{{R"("class_name":"Model")", R"("class_name":"Graph")"}},
       "model.json: modelTopology.model_config.class_name: found \"Graph\", expected Model, Functional or Sequential"},
      {{{R"("class_name":"Model",)", ""}},
       "model.json: modelTopology.model_config.class_name: found nothing, expected a string"},
      {{{R"("layers":[{"class_name":"InputLayer")", R"("layers":{},"x":[{"class_name":"InputLayer")"}},
       layers + ": found an object, expected an array of layers"},
      {{{R"({"class_name":"InputLayer")", R"(7,{"class_name":"InputLayer")"}},
       layers + "[0]: found 7, expected an object"},
      {{{R"({"class_name":"InputLayer")", R"({"class":"InputLayer")"}},
       layers + "[0].class_name: found nothing, expected a string"},
      // the head
      {{{R"("target_shape":[1,1,32])", R"("target_shape":[1,1,33])"}},
       layers + "[17].config.target_shape: found [1, 1, 33], expected a shape of 32 elements"},
      {{{R"("target_shape":[1,1,32])", R"("target_shape":[-1,-1,32])"}},
       layers + "[17].config.target_shape: found [-1, -1, 32], expected positive integers, and -1 at most once"},
      {{{R"("target_shape":[1,1,32])", R"("target_shape":[2,4,4])"}},
       "model.json: layer 'reshape_1' (Reshape): not part of a MobileNet: it makes [2, 4, 4] of 1x1x32"},
      {{{R"("target_shape":[1,1,32])", R"("target_shape":[32])"}},
       "model.json: layer 'conv_preds' (Conv2D): its input is [batch, channels], expected [batch, height, width, "
       "channels]"},
      {{{R"("target_shape":[3])", R"("target_shape":3)"}},
       layers + "[21].config.target_shape: found 3, expected an array of integers"},
      // weights
      {{{R"("name":"conv1/kernel")", R"("name":"conv1/kernl")"}},
       "model.json: weight 'conv1/kernel' is missing from weightsManifest"},
      {{{R"("name":"conv1/kernel")", R"("name":"conv_preds/kernel")"}},
       "model.json: weight 'conv_preds/kernel' is in weightsManifest twice"},
      {{{R"("name":"conv1/kernel")", R"("name":"a/conv1/kernel")"},
        {R"("name":"conv1_bn/gamma")", R"("name":"b/conv1/kernel")"}},
       "model.json: weight 'conv1/kernel' may be 'a/conv1/kernel' or 'b/conv1/kernel', expected one"},
      {{{R"("shape":[3,3,3,8])", R"("shape":[8,3,3,3])"}},
       "model.json: weight 'conv1/kernel' has shape [8, 3, 3, 3], expected [3, 3, 3, 8]"},
      {{{R"("shape":[3,3,3,8],"dtype":"float32")", R"("shape":[3,3,3,8],"dtype":"int32")"}},
       "model.json: weight 'conv1/kernel' holds integers, expected float32"},
      {{{R"("weights":[{)", R"("weights":[{"name":"foo/bar","shape":[1],"dtype":"float32","group":"optimizer"},{)"}},
       "group1-shard1of1.bin: holds 5964 bytes, expected 5968 for the 28 weights of weightsManifest[0]"},
  };
  CHECK(m.failure(good.json) == "(no error)");
  for (const row& r : rows) {
    CAPTURE(r.changes.front().second);
    CHECK(m.failure(edited(good.json, r.changes)) == r.message);
  }
}

TEST_CASE("layers that stand where MobileNet has none") {
  const std::string bias = R"(,"use_bias":false)";
  CHECK(one_convolution(bias).layer("ZeroPadding2D", "pad").failure() ==
        "layer 'pad' (ZeroPadding2D): not part of a MobileNet: no convolution follows it");
  CHECK(one_convolution(bias).layer("ZeroPadding2D", "pad").layer("ReLU", "relu").failure() ==
        "layer 'pad' (ZeroPadding2D): not part of a MobileNet: no convolution follows it");
  CHECK(one_convolution(bias).layer("AveragePooling2D", "pool").failure() ==
        "layer 'pool' (AveragePooling2D): not part of a MobileNet: its window is not the whole 4x4 of its input");
  CHECK(one_convolution(bias).layer("AveragePooling2D", "pool", R"("pool_size":[4,4])").failure() == "(no error)");
  CHECK(one_convolution(bias).layer("MaxPooling2D", "pool").failure() ==
        "layer 'pool' (MaxPooling2D): not part of a MobileNet: its window is not the whole 4x4 of its input");
  CHECK(one_convolution(bias).layer("ReLU", "relu", R"("negative_slope":0.1)").failure() ==
        "modelTopology.config.layers[1].config.negative_slope: found 0.1, expected 0");
  CHECK(one_convolution(bias).layer("ReLU", "relu", R"("max_value":-1)").failure() ==
        "modelTopology.config.layers[1].config.max_value: found -1, expected a number, 0 or more");
  CHECK(one_convolution(bias).layer("ZeroPadding2D", "pad", R"("padding":[1,2,3])").failure() ==
        "modelTopology.config.layers[1].config.padding: found [1, 2, 3], expected an integer, two integers or [[top, "
        "bottom], [left, right]]");
  CHECK(
      hand_made()
          .layer("ZeroPadding2D", "pad", R"("padding":3)")
          .layer("Conv2D", "conv", R"("filters":1,"kernel_size":3,"use_bias":false)")
          .weight("conv/kernel", "[3,3,3,1]", std::vector<float>(27))
          .failure() ==
      "layer 'conv' (Conv2D): padding of 3, 3, 3, 3 (top, left, bottom, right), expected less than its window of 3x3");
  CHECK(hand_made().layer("Dropout", "drop").failure() == "the model has no layers that compute anything");
}

TEST_CASE("an operation that no kernel can absorb becomes a layer of its own") {
  const std::string bias = R"(,"use_bias":false)";
  hand_made m = one_convolution(bias);
  m.layer("ReLU", "relu").layer("BatchNormalization", "bn", R"("epsilon":0,"scale":false,"center":false)");
  m.weight("bn/moving_mean", "[2]", {1, 2}).weight("bn/moving_variance", "[2]", {4, 1});
  unpacked_model source = m.read().value();
  REQUIRE(source.layers.size() == 2);
  CHECK(source.layers[1].layer == layers::any_layer(layers::depthwise_conv2d{{4, 4, 2}, {1, 1, 1, {}}, {}}));
  CHECK(source.layers[1].kernel == std::vector<float>{0.5f, 1});
  CHECK(source.layers[1].bias == std::vector<float>{-0.5f, -2});
  CHECK(source.layers[1].names == "bn");
  CHECK(tools::write_packed_model(source));

  source = one_convolution(bias).layer("GlobalAveragePooling2D", "pool").layer("ReLU", "relu").read().value();
  REQUIRE(source.layers.size() == 3);
  CHECK(source.layers[2].layer == layers::any_layer(layers::depthwise_conv2d{{1, 1, 2}, {1, 1, 1, {}}, layers::relu}));
  CHECK(source.layers[2].kernel == std::vector<float>{1, 1});
}

TEST_CASE("models nested without end") {
  std::string json = R"({"class_name":"Sequential","config":{"name":"m","layers":[)";
  std::string text = R"({"weightsManifest":[],"modelTopology":)";
  for (int i = 0; i < 20; ++i) text += json;
  text += "7";
  for (int i = 0; i < 20; ++i) text += "]}}";
  const model_folder m;
  CHECK(m.failure(text + "}").find(": models nested more than 16 deep") != std::string::npos);
}

TEST_CASE("weights that are not finite name their layer") {
  const support::temporary_folder folder;
  hand_made m;
  m.layer("Conv2D", "conv", R"("filters":1,"kernel_size":1,"use_bias":false)");
  m.weight("conv/kernel", "[1,1,3,1]", {1, infinity, 2});
  m.write_to(folder);
  tools::convert_command options;
  options.input = folder.path();
  options.output = folder / "model.mnet";
  CHECK(tools::convert(options).error().message ==
        (folder / "model.json: layer 'conv': kernel[1] is infinite, expected a finite value"));
  CHECK_FALSE(fs::exists(options.output));
}

// Damages a good model.json in the ways that editors, transfers and attackers do: nothing crashes or hangs.
TEST_CASE("10,000 mutations of a good model.json crash nothing") {
  synthetic_options o = small();
  o.blocks = 1;
  o.zero_padding = true;
  const model_folder m;
  const synthetic_model good = make_synthetic_model(o);
  good.write_to(m.folder.path());
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  constexpr std::string_view values[] = {"0",          "-1",    "1",      "3",      "1e9",      "2147483647",
                                         "4294967296", "1e300", "null",   "true",   "\"\"",     "\"conv1\"",
                                         "[]",         "{}",    "[null]", "[[[]]]", "\"same\"", "0.5"};
  // A value: from after a ':' or ',' to the next ',' or bracket.
  const auto value_at = [&](const std::string& text, std::size_t from) {
    const std::size_t begin = std::min(text.find_first_of(":,[", from), text.size() - 1) + 1;
    return std::pair{begin, std::min(text.find_first_of(",]}", begin), text.size())};
  };
  int read = 0;
  for (int i = 0; i < 10000; ++i) {
    std::string mutant = good.json;
    for (std::size_t change = 1 + below(2); change > 0 && !mutant.empty(); --change) {
      const std::size_t at = below(mutant.size());
      switch (below(6)) {
        case 0: mutant[at] = static_cast<char>(below(256)); break;
        case 1: mutant.erase(at, 1 + below(20)); break;
        case 2: mutant.resize(below(8) == 0 ? at : mutant.size()); break;
        case 3: mutant.insert(at, mutant, below(mutant.size()), below(40)); break;
        default: {
          const auto [begin, end] = value_at(mutant, at);
          if (begin > end) break;
          if (below(2) == 0) {
            mutant.replace(begin, end - begin, values[below(std::size(values))]);
          } else {
            const auto [other, other_end] = value_at(mutant, below(mutant.size()));
            if (other <= other_end) mutant.replace(begin, end - begin, mutant.substr(other, other_end - other));
          }
        }
      }
    }
    if (mutant.empty()) continue;
    const auto source = m.read_json(mutant);
    if (!source) {
      if (source.error().message.empty()) FAIL("no message for ", mutant);
      continue;
    }
    if (++read % 20 == 0) (void)tools::write_packed_model(*source);
  }
  CHECK(read > 100);
}

}  // namespace
