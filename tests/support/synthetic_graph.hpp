// MobileNet v1 graph models in TensorFlow.js form, made up: a GraphDef in JSON with the operations that
// TensorFlow exports and that the tfjs converter makes of them. Same options, same bytes.
#pragma once

#include "synthetic_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mobilenet::test {

struct synthetic_graph_options {
  enum class form {
    fused,         ///< _FusedConv2D and FusedDepthwiseConv2dNative with BiasAdd and Relu6
    bias_add,      ///< Conv2D, BiasAdd, Relu6
    batch_norm,    ///< Conv2D, FusedBatchNormV3, Relu6
    multiply_add,  ///< Conv2D, Mul, Add, Relu6
    min_max,       ///< Conv2D, BiasAdd, Relu, Minimum 6
  };
  enum class padding { same, explicit_attribute, pad };  ///< how a window of stride 2 is padded
  enum class head { mean_convolution, average_pool_reshape, matrix, flatten, clipped };

  double alpha = 0.25;
  std::uint32_t resolution = 224;
  std::uint32_t classes = 1001;
  std::uint32_t blocks = 13;
  std::uint32_t seed = 1;
  form written_as = form::fused;
  padding pads = padding::same;
  head ends_with = head::mean_convolution;
  quantisation stored_as = quantisation::none;
  bool softmax = true;
  bool scales_flattened = false;  ///< head::flatten is multiplied by a constant before and after
  bool scales_input = false;      ///< x * 2 - 1 in front, as TF Hub's modules have it
  bool signature = false;
  bool reverse_nodes = false;  ///< the array of nodes runs from the output to the input
  bool identities = false;     ///< constants and the output go through Identity nodes
};

class synthetic_graph_writer {
 public:
  using form = synthetic_graph_options::form;
  using padding = synthetic_graph_options::padding;
  using head = synthetic_graph_options::head;
  explicit synthetic_graph_writer(const synthetic_graph_options& options) : options_(options), weights_(options.seed) {}

  synthetic_model make() {
    const std::string size = std::to_string(options_.resolution);
    const std::string dimensions =
        R"({"dim":[{"size":"-1"},{"size":")" + size + R"("},{"size":")" + size + R"("},{"size":"3"}]})";
    add_node("Placeholder", "images", {}, R"("dtype":{"type":"DT_FLOAT"},"shape":{"shape":)" + dimensions + "}");
    if (options_.scales_input) {
      add_node("Mul", "hub_input/Mul", {last_, number("hub_input/Mul/y", 2.0f)}, "");
      add_node("Sub", "hub_input/Sub", {last_, number("hub_input/Sub/y", 1.0f)}, "");
    }
    std::uint32_t channels = scaled_channels(32, options_.alpha);
    std::uint32_t size_now = options_.resolution;
    convolution("conv1", false, 3, channels, 3, 2, size_now);
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(options_.blocks, std::size(mobilenet_blocks)); ++i) {
      const std::string block = std::to_string(i + 1);
      convolution("conv_dw_" + block, true, channels, channels, 3, mobilenet_blocks[i].second, size_now);
      const std::uint32_t out = scaled_channels(mobilenet_blocks[i].first, options_.alpha);
      convolution("conv_pw_" + block, false, channels, out, 1, 1, size_now);
      channels = out;
    }
    add_head(channels, size_now);
    if (options_.softmax) add_node("Softmax", "Softmax", {last_}, "");
    if (options_.identities) add_node("Identity", "output", {last_}, "");

    synthetic_model made;
    weights_.quantise(options_.stored_as);
    const std::string manifest = weights_.make_manifest(4u << 20, false, "", made);
    std::string nodes;
    if (options_.reverse_nodes) std::reverse(nodes_.begin(), nodes_.end());
    for (const std::string& node : nodes_) nodes += (nodes.empty() ? "" : ",") + node;
    const std::string signature =
        !options_.signature
            ? ""
            : R"("signature":{"inputs":{"images":{"name":"images:0","dtype":"DT_FLOAT","tensorShape":)" + dimensions +
                  R"(}},"outputs":{"out":{"name":")" + last_ + R"(:0","dtype":"DT_FLOAT"}}},)";
    made.json = R"({"format":"graph-model","generatedBy":"synthetic","convertedBy":null,)" + signature +
                R"("modelTopology":{"node":[)" + nodes + R"(],"library":{},"versions":{}},"weightsManifest":)" +
                manifest + "}";
    return made;
  }

 private:
  static constexpr const char* same_padding = R"("padding":{"s":"U0FNRQ=="})";
  static constexpr const char* valid_padding = R"("padding":{"s":"VkFMSUQ="})";
  static constexpr const char* layout = R"("T":{"type":"DT_FLOAT"},"data_format":{"s":"TkhXQw=="})";

  void add_node(const std::string& op, const std::string& name, const std::vector<std::string>& inputs,
                const std::string& attributes) {
    std::string list;
    for (const std::string& input : inputs) list += (list.empty() ? "\"" : ",\"") + input + "\"";
    nodes_.push_back(R"({"name":")" + name + R"(","op":")" + op + R"(","input":[)" + list + R"(],"attr":{)" +
                     attributes + "}}");
    last_ = name;
  }
  // A Const node does not become the last one: it is beside the chain.
  std::string add_constant_node(const std::string& name, const char* type) {
    const std::string before = last_;
    add_node("Const", name, {},
             std::string(R"("dtype":{"type":")") + type + R"("},"value":{"tensor":{"dtype":")" + type +
                 R"(","tensorShape":{}}})");
    if (options_.identities) add_node("Identity", name + "/read", {name}, R"("T":{"type":"DT_FLOAT"})");
    const std::string result = last_;
    last_ = before;
    return result;
  }
  std::string constant(const std::string& name, std::vector<std::uint32_t> shape, float low, float high) {
    weights_.add(name, name, std::move(shape), low, high);
    return add_constant_node(name, "DT_FLOAT");
  }
  std::string number(const std::string& name, float value) {
    weights_.add_values(name, name, {}, std::span<const float>(&value, 1), "float32");
    return add_constant_node(name, "DT_FLOAT");
  }
  std::string integers(const std::string& name, std::vector<std::uint32_t> shape,
                       const std::vector<std::int32_t>& values) {
    weights_.add_values(name, name, std::move(shape), std::span<const std::int32_t>(values), "int32");
    return add_constant_node(name, "DT_INT32");
  }
  std::string kernel(const std::string& name, std::vector<std::uint32_t> shape, std::uint32_t fan_in) {
    const float reach = std::sqrt(6.0f / static_cast<float>(fan_in));
    return constant(name, std::move(shape), -reach, reach);
  }

  static std::string list_of(const char* name, const std::vector<std::uint32_t>& values) {
    std::string text = std::string("\"") + name + R"(":{"list":{"i":[)";
    for (std::size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(values[i]) + "\"";
    return text + "]}}";
  }

  void convolution(const std::string& name, bool depthwise, std::uint32_t in, std::uint32_t out, std::uint32_t window,
                   std::uint32_t stride, std::uint32_t& size) {
    std::string attributes = std::string(layout) + "," + list_of("strides", {1, stride, stride, 1}) + "," +
                             list_of("dilations", {1, 1, 1, 1}) + ",";
    const std::uint32_t before = size % 2, after = 1;  // what SAME comes to for 3x3 with stride 2
    const bool padded = stride == 2 && options_.pads != padding::same;
    if (padded && options_.pads == padding::pad) {
      const auto b = static_cast<std::int32_t>(before), a = static_cast<std::int32_t>(after);
      add_node("Pad", name + "/Pad", {last_, integers(name + "/paddings", {4, 2}, {0, 0, b, a, b, a, 0, 0})}, "");
      attributes += valid_padding;
    } else if (padded) {
      attributes += R"("padding":{"s":"RVhQTElDSVQ="},)" +
                    list_of("explicit_paddings", {0, 0, before, after, before, after, 0, 0});
    } else {
      attributes += same_padding;
    }
    size = (size + stride - 1) / stride;

    const std::string weights = kernel(name + "/weights",
                                       depthwise ? std::vector<std::uint32_t>{window, window, in, 1}
                                                 : std::vector<std::uint32_t>{window, window, in, out},
                                       depthwise ? window * window : window * window * in);
    const std::string op = depthwise ? "DepthwiseConv2dNative" : "Conv2D";
    if (options_.written_as == form::fused) {
      add_node(depthwise ? "FusedDepthwiseConv2dNative" : "_FusedConv2D", name + "/Relu6",
               {last_, weights, constant(name + "/bias", {out}, -0.1f, 0.3f)},
               attributes +
                   R"(,"num_args":{"i":"1"},"fused_ops":{"list":{"s":["Qmlhc0FkZA==","UmVsdTY="]}},"epsilon":{"f":0})");
      return;
    }
    add_node(op, name + "/" + op, {last_, weights}, attributes);
    switch (options_.written_as) {
      case form::fused: break;
      case form::bias_add:
      case form::min_max:
        add_node("BiasAdd", name + "/BiasAdd", {last_, constant(name + "/bias", {out}, -0.1f, 0.3f)}, layout);
        break;
      case form::batch_norm: {
        const std::vector<std::string> inputs{last_, constant(name + "/gamma", {out}, 0.5f, 1.5f),
                                              constant(name + "/beta", {out}, -0.1f, 0.3f),
                                              constant(name + "/moving_mean", {out}, -0.1f, 0.1f),
                                              constant(name + "/moving_variance", {out}, 0.5f, 1.5f)};
        add_node("FusedBatchNormV3", name + "/FusedBatchNormV3", inputs,
                 std::string(layout) + R"(,"epsilon":{"f":0.001},"is_training":{"b":false})");
        break;
      }
      case form::multiply_add:
        add_node("Mul", name + "/Scaled", {last_, constant(name + "/scale", {out}, 0.5f, 1.5f)}, "");
        add_node("AddV2", name + "/Offset", {constant(name + "/offset", {1, 1, 1, out}, -0.1f, 0.3f), last_}, "");
        break;
    }
    if (options_.written_as == form::min_max) {
      add_node("Relu", name + "/Relu", {last_}, "");
      add_node("Minimum", name + "/Minimum", {last_, number(name + "/six", 6.0f)}, "");
    } else {
      add_node("Relu6", name + "/Relu6", {last_}, "");
    }
  }

  void add_head(std::uint32_t channels, std::uint32_t size) {
    const auto classes = options_.classes;
    const std::string window = std::string(layout) + "," + list_of("strides", {1, 1, 1, 1}) + ",";
    if (options_.ends_with == head::flatten) {
      const std::uint32_t all = channels * size * size;
      if (options_.scales_flattened)
        add_node("Mul", "before/mul", {last_, constant("before/scale", {channels}, 0.5f, 1.5f)}, "");
      add_node("Reshape", "flat", {last_, integers("flat/shape", {2}, {-1, static_cast<std::int32_t>(all)})}, "");
      if (options_.scales_flattened)
        add_node("Mul", "after/mul", {last_, constant("after/scale", {all}, 0.5f, 1.5f)}, "");
      add_node("MatMul", "logits/MatMul", {last_, kernel("logits/weights", {all, classes}, all)}, "");
      add_node("BiasAdd", "logits", {last_, constant("logits/bias", {classes}, -0.1f, 0.1f)}, layout);
      return;
    }
    if (options_.ends_with == head::clipped)
      add_node("ClipByValue", "clipped", {last_, number("clipped/low", 0.25f), number("clipped/high", 2.0f)}, "");
    if (options_.ends_with == head::average_pool_reshape)
      add_node("AvgPool", "pool", {last_}, window + list_of("ksize", {1, size, size, 1}) + "," + valid_padding);
    else
      add_node("Mean", "pool", {last_, integers("pool/axes", {2}, {1, 2})},
               std::string(R"("keep_dims":{"b":)") + (options_.ends_with == head::matrix ? "false}" : "true}"));
    if (options_.ends_with == head::matrix) {
      add_node("MatMul", "logits/MatMul", {last_, kernel("logits/weights", {channels, classes}, channels)}, "");
      add_node("BiasAdd", "logits", {last_, constant("logits/bias", {classes}, -0.1f, 0.1f)}, layout);
      return;
    }
    add_node("Conv2D", "logits/Conv2D", {last_, kernel("logits/weights", {1, 1, channels, classes}, channels)},
             window + list_of("dilations", {1, 1, 1, 1}) + "," + same_padding);
    add_node("BiasAdd", "logits/BiasAdd", {last_, constant("logits/bias", {classes}, -0.1f, 0.1f)}, layout);
    if (options_.ends_with == head::average_pool_reshape)
      add_node("Reshape", "logits", {last_, integers("logits/shape", {2}, {-1, static_cast<std::int32_t>(classes)})},
               "");
    else
      add_node("Squeeze", "logits", {last_}, R"("squeeze_dims":{"list":{"i":["1","2"]}})");
  }

  synthetic_graph_options options_;
  synthetic_weights weights_;
  std::vector<std::string> nodes_;
  std::string last_;
};

inline synthetic_model make_synthetic_graph(const synthetic_graph_options& options) {
  return synthetic_graph_writer(options).make();
}

}  // namespace mobilenet::test
