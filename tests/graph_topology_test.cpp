// Graph models: what becomes of their operations, and each way in which one can be refused.
// That the answers are right is model_variations_test.cpp's and golden_test.cpp's to say.
#include "support/files.hpp"
#include "support/read_model.hpp"
#include "support/synthetic_graph.hpp"

#include "pack/packed_model_writer.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace mobilenet;
using test::make_synthetic_graph;
using test::synthetic_graph_options;
using test::synthetic_model;
using form = synthetic_graph_options::form;
using padding = synthetic_graph_options::padding;
using head = synthetic_graph_options::head;

synthetic_graph_options small() {
  synthetic_graph_options o;
  o.resolution = 16;
  o.classes = 3;
  o.blocks = 2;
  return o;
}

struct model_folder {
  support::temporary_folder folder;

  result<tools::unpacked_model> read(std::string_view json) const {
    support::write_file(folder / "model.json", json);
    return test::read_model(folder.path());
  }
  std::string failure(std::string_view json) const {
    const auto made = read(json);
    if (made) return "(no error)";
    const std::string prefix = folder / "model.json: ";
    REQUIRE(made.error().message.starts_with(prefix));
    return made.error().message.substr(prefix.size());
  }
};

tools::unpacked_model read(const synthetic_graph_options& options) {
  const model_folder m;
  const synthetic_model model = make_synthetic_graph(options);
  model.write_to(m.folder.path());
  return m.read(model.json).value();
}

using edits = std::vector<std::pair<std::string, std::string>>;

std::string edited(std::string json, const edits& changes) {
  for (const auto& change : changes) {
    const std::size_t at = json.find(change.first);
    REQUIRE_MESSAGE(at != std::string::npos, change.first);
    json.replace(at, change.first.size(), change.second);
  }
  return json;
}

TEST_CASE("the nodes of a graph become packed layers") {
  const auto m = read(small());
  REQUIRE(m.layers.size() == 8);
  CHECK(m.layers[0].layer == layers::any_layer(layers::conv2d{{16, 16, 3}, 8, {3, 3, 2, {0, 0, 1, 1}}, layers::relu6}));
  CHECK(m.layers[0].names == "conv1/Relu6");
  CHECK(m.layers[1].layer ==
        layers::any_layer(layers::depthwise_conv2d{{8, 8, 8}, {3, 3, 1, {1, 1, 1, 1}}, layers::relu6}));
  CHECK(m.layers[2].layer == layers::any_layer(layers::pointwise_conv2d{{8, 8, 8}, 16, layers::relu6}));
  CHECK(m.layers[5].layer == layers::any_layer(layers::global_average_pool{{4, 4, 32}}));
  CHECK(m.layers[6].layer == layers::any_layer(layers::dense{{1, 1, 32}, 3, {}}));
  CHECK(m.layers[6].names == "logits/Conv2D\nlogits/BiasAdd\nlogits");
  CHECK(m.layers[6].folded_names == 1);
  CHECK(m.layers[7].names == "Softmax");
}

TEST_CASE("1001 scores lose their first, 1001 probabilities keep it unranked") {
  auto o = small();
  o.classes = 1001;
  const auto kept = read(o);
  CHECK(kept.layers[6].layer == layers::any_layer(layers::dense{{1, 1, 32}, 1001, {}}));
  CHECK(kept.class_offset == 1);
  o.softmax = false;
  const auto left_out = read(o);
  REQUIRE(left_out.layers[6].layer == layers::any_layer(layers::dense{{1, 1, 32}, 1000, {}}));
  CHECK(left_out.class_offset == 0);
  CHECK(left_out.layers[6].bias[0] == kept.layers[6].bias[1]);
  CHECK(left_out.layers[6].kernel[1000 * 5 + 7] == kept.layers[6].kernel[1001 * 5 + 8]);
}

TEST_CASE("batch norm and Mul with Add fold into the convolution and leave their names") {
  auto o = small();
  o.written_as = form::batch_norm;
  auto m = read(o);
  CHECK(m.layers[1].names == "conv_dw_1/DepthwiseConv2dNative\nconv_dw_1/FusedBatchNormV3\nconv_dw_1/Relu6");
  CHECK(m.layers[1].folded_names == 2);
  o.written_as = form::multiply_add;
  o.pads = padding::pad;
  m = read(o);
  CHECK(m.layers[0].names == "conv1/Pad\nconv1/Conv2D\nconv1/Scaled\nconv1/Offset\nconv1/Relu6");
  CHECK(std::get<layers::conv2d>(m.layers[0].layer).window.pad == layers::padding{0, 0, 1, 1});
}

TEST_CASE("what the output does not need is not looked at") {
  const model_folder m;
  auto o = small();
  o.signature = true;
  const synthetic_model good = make_synthetic_graph(o);
  good.write_to(m.folder.path());
  CHECK(
      m.read(edited(good.json, {{R"({"node":[)", R"({"node":[{"name":"stray","op":"Bitcast","input":["images"]},)"}})));
  CHECK(m.read(edited(good.json, {{R"("input":["images",)", R"("input":["^never","images:0",)"}})));
}

TEST_CASE("a vector may change its shape as long as it stays the last dimension") {
  const model_folder m;
  auto o = small();
  o.ends_with = head::average_pool_reshape;
  const synthetic_model good = make_synthetic_graph(o);
  const auto reshaped = [&](const std::string& shape, const std::vector<std::int32_t>& values) {
    synthetic_model changed = good;
    changed.json =
        edited(good.json, {{R"("name":"logits/shape","shape":[2])", R"("name":"logits/shape","shape":)" + shape}});
    auto& bytes = changed.shards.back().second;
    bytes.resize(bytes.size() - 8);
    const auto raw = std::as_bytes(std::span(values));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
    changed.write_to(m.folder.path());
    return m.failure(changed.json);
  };
  CHECK(reshaped("[1]", {-1}) == "(no error)");
  CHECK(reshaped("[1]", {3}) == "(no error)");
  CHECK(reshaped("[3]", {-1, 1, 3}) == "(no error)");
  CHECK(reshaped("[2]", {1, -1}) == "(no error)");
  const std::string refused = "node 'logits' (Reshape): not part of a MobileNet: it gives 1x1x3 another shape";
  CHECK(reshaped("[2]", {3, 1}) == refused);
  CHECK(reshaped("[2]", {-1, -1}) == refused);
  CHECK(reshaped("[2]", {-1, 4}) == refused);
}

TEST_CASE("constants may come through nodes that pass them on, thousands of them, but not in a circle") {
  const model_folder m;
  const synthetic_model good = make_synthetic_graph(small());
  good.write_to(m.folder.path());
  std::string way;
  for (int i = 0; i < 20'000; ++i)
    way += R"({"name":"i)" + std::to_string(i) + R"(","op":"Identity","input":[")" +
           (i == 0 ? std::string("conv1/weights") : "i" + std::to_string(i - 1)) + R"("],"attr":{}},)";
  CHECK(m.failure(edited(good.json, {{R"({"node":[)", R"({"node":[)" + way},
                                     {R"("input":["images","conv1/weights",)", R"("input":["images","i19999",)"}})) ==
        "(no error)");
  const std::string circle =
      R"({"node":[{"name":"a","op":"Identity","input":["b"]},{"name":"b","op":"Identity","input":["a"]},)";
  CHECK(m.failure(edited(good.json, {{R"({"node":[)", circle},
                                     {R"("input":["images","conv1/weights",)", R"("input":["images","a",)"}})) ==
        "node 'b' (Identity): it needs its own output as input: a cycle");
}

TEST_CASE("an epsilon may be written as an integer") {
  const model_folder m;
  auto o = small();
  o.written_as = form::batch_norm;
  const synthetic_model good = make_synthetic_graph(o);
  good.write_to(m.folder.path());
  const auto of = [&](const std::string& epsilon) {
    return m.read(edited(good.json, {{R"("epsilon":{"f":0.001})", R"("epsilon":)" + epsilon}}))
        .value()
        .layers[0]
        .kernel;
  };
  CHECK(of(R"({"i":"1"})") == of(R"({"f":1})"));
  CHECK(of(R"({"i":"1"})") != of(R"({"f":0.001})"));
}

TEST_CASE("the signature of user defined metadata tells the input's shape too") {
  const model_folder m;
  auto o = small();
  o.signature = true;
  const synthetic_model good = make_synthetic_graph(o);
  good.write_to(m.folder.path());
  const std::string moved = edited(good.json, {{R"("signature":{)", R"("userDefinedMetadata":{"signature":{)"},
                                               {R"("modelTopology":)", R"("":0},"modelTopology":)"},
                                               {R"(,"shape":{"shape")", R"(,"form":{"shape")"}});
  CHECK(m.failure(moved) == "(no error)");
}

TEST_CASE("each way a graph can be wrong has its message") {
  const model_folder m;
  auto o = small();
  const synthetic_model good = make_synthetic_graph(o);
  good.write_to(m.folder.path());
  const std::string attributes = "modelTopology.node[3].attr.";
  struct row {
    edits changes;
    std::string message;
  };
  const row rows[] = {
      // nodes
      {{{R"("node":[)", R"("node":[7,)"}}, "modelTopology.node[0]: found 7, expected an object"},
      {{{R"("name":"images")", R"("nome":"images")"}}, "modelTopology.node[0].name: found nothing, expected a string"},
      {{{R"("op":"Placeholder")", R"("op":3)"}}, "modelTopology.node[0].op: found 3, expected a string"},
      {{{R"("input":["images",)", R"("input":[5,)"}}, "modelTopology.node[3].input[0]: found 5, expected a string"},
      {{{R"("input":["images","conv1/weights","conv1/bias"])", R"("input":"images")"}},
       "modelTopology.node[3].input: found \"images\", expected an array of names"},
      {{{R"({"name":"conv_dw_1/Relu6")", R"({"name":"conv1/Relu6")"}},
       "node 'conv1/Relu6' (FusedDepthwiseConv2dNative): there are two of this name"},
      // the chain
      {{{R"("op":"_FusedConv2D")", R"("op":"_FusedConv3D")"}},
       "node 'conv1/Relu6' (_FusedConv3D): not part of a MobileNet"},
      {{{R"("input":["images",)", R"("input":["pixels",)"}},
       "node 'conv1/Relu6' (_FusedConv2D): its input 'pixels' is not part of the model"},
      {{{R"("input":["images",)", R"("input":["conv_pw_1/Relu6",)"}},
       "node 'conv_pw_1/Relu6' (_FusedConv2D): it needs its own output as input: a cycle"},
      {{{R"("op":"Placeholder")", R"("op":"Relu")"}},
       "node 'images' (Relu): the graph begins with it, expected a Placeholder"},
      {{{R"("op":"Softmax","input":["logits"])", R"("op":"AddV2","input":["logits","logits/BiasAdd"])"}}, "(no error)"},
      {{{R"("op":"Softmax","input":["logits"])", R"("op":"AddV2","input":["logits","logits/BiasAdd"])"},
        {R"("dilations":{"list":{"i":["1","1","1","1"]}})", R"("dilations":{"list":{"i":["1","2","2","1"]}})"}},
       attributes + "dilations.list.i: found [\"1\", \"2\", \"2\", \"1\"], expected 1, 1, 1, 1"},
      {{{R"("op":"Softmax","input":["logits"])", R"("op":"Softmax","input":["Softmax"])"}},
       "the model has 2 outputs ('logits', 'Softmax'): choose one with --output NAME"},
      {{{R"("op":"Softmax","input":["logits"])", R"("op":"Softmax","input":["images"])"}},
       "the model has 2 outputs ('logits', 'Softmax'): choose one with --output NAME"},
      // the input
      {{{R"({"size":"3"})", R"({"size":"4"})"}},
       "node 'images' (Placeholder): its shape is [16, 16, 4], expected height and width from 1 to 2048 and 3 "
       "channels or 1"},
      {{{R"({"size":"16"})", R"({"size":"100000"})"}},
       "node 'images' (Placeholder): its shape is [100000, 16, 3], expected height and width from 1 to 2048 and 3 "
       "channels or 1"},
      {{{R"("shape":{"shape")", R"("form":{"shape")"}},
       "node 'images' (Placeholder): its shape is [0, 0, 0], expected height and width from 1 to 2048 and 3 "
       "channels or 1"},
      // attributes
      {{{R"("strides":{"list":{"i":["1","2","2","1"]}})", R"("strides":{"list":{"i":["1","2","1","1"]}})"}},
       attributes + "strides.list.i: found [\"1\", \"2\", \"1\", \"1\"], expected equal strides"},
      {{{R"("strides":{"list":{"i":["1","2","2","1"]}})", R"("strides":{"list":{"i":["1","0","0","1"]}})"}},
       attributes + "strides.list.i: found [\"1\", \"0\", \"0\", \"1\"], expected 1, height, width, 1"},
      {{{R"("strides":{"list":{"i":["1","2","2","1"]}})", R"("strides":{"list":{"i":["1","two","2","1"]}})"}},
       attributes + "strides.list.i[1]: found \"two\", expected an integer"},
      {{{R"("strides":{"list":{"i":["1","2","2","1"]}},)", ""}},
       attributes + "strides.list.i: found nothing, expected 1, height, width, 1"},
      {{{R"("dilations":{"list":{"i":["1","1","1","1"]}})", R"("dilations":{"list":{"i":["1","2","2","1"]}})"}},
       attributes + "dilations.list.i: found [\"1\", \"2\", \"2\", \"1\"], expected 1, 1, 1, 1"},
      {{{R"("padding":{"s":"U0FNRQ=="})", R"("padding":{"s":"Ym9ndXM="})"}},
       "node 'conv1/Relu6' (_FusedConv2D): padding is \"BOGUS\", expected SAME, VALID or EXPLICIT"},
      {{{R"("padding":{"s":"U0FNRQ=="})", R"("padding":{"s":"not base64"})"}},
       attributes + "padding.s: found \"not base64\", expected base64"},
      {{{R"("padding":{"s":"U0FNRQ=="})", R"("padding":{"s":[86,65,76,73,68]})"}}, "(no error)"},
      {{{R"("padding":{"s":"U0FNRQ=="})", R"("padding":{"s":[86,650]})"}},
       attributes + "padding.s[1]: found 650, expected a byte"},
      {{{R"("padding":{"s":"U0FNRQ=="})", R"("padding":{"s":"RVhQTElDSVQ="})"}},
       attributes + "explicit_paddings.list.i: found nothing, expected 0, 0, top, bottom, left, right, 0, 0"},
      {{{R"("data_format":{"s":"TkhXQw=="})", R"("data_format":{"s":"TkNIVw=="})"}},
       "node 'conv1/Relu6' (_FusedConv2D): data_format is NCHW, expected NHWC"},
      {{{R"(["Qmlhc0FkZA==","UmVsdTY="])", R"(["UmVsdTY="])"}},
       "node 'conv1/Relu6' (_FusedConv2D): fused_ops begins with \"RELU6\", expected BiasAdd or NoOp"},
      {{{R"({"name":"conv1/weights","op":"Const","input":[])",
         R"({"name":"conv1/weights","op":"Mul","input":["conv1/bias","conv1/bias"])"}},
       "node 'conv1/weights' (Mul): it computes from constants alone, expected a constant in its place"},
      {{{R"(["Qmlhc0FkZA==","UmVsdTY="])", R"(["RnVzZWRCYXRjaE5vcm0="])"}},
       "node 'conv1/Relu6' (_FusedConv2D): fused_ops holds \"FUSEDBATCHNORM\", expected BiasAdd, Relu6, Relu or NoOp"},
      // constants
      {{{R"("input":["images","conv1/weights","conv1/bias"])", R"("input":["images","conv1/weights"])"}},
       "node 'conv1/Relu6' (_FusedConv2D): it has 2 inputs, expected at least 3"},
      {{{R"({"name":"conv1/bias","shape")", R"({"name":"conv1/biases","shape")"}},
       "weight 'conv1/bias' is missing from weightsManifest"},
      {{{R"("shape":[3,3,3,8])", R"("shape":[3,3,8,3])"}},
       "weight 'conv1/weights' has shape [3, 3, 8, 3], expected [height, width, 3, outputs]"},
      {{{R"("shape":[3,3,8,1])", R"("shape":[3,3,4,2])"}},
       "weight 'conv_dw_1/weights' has shape [3, 3, 4, 2], expected [height, width, 8, 1]"},
      {{{R"("shape":[8],"dtype":"float32")", R"("shape":[4,2],"dtype":"float32")"}},
       "weight 'conv1/bias' has shape [4, 2], expected [8]"},
      {{{R"("shape":[2],"dtype":"int32")", R"("shape":[2],"dtype":"float32")"}},
       "node 'pool' (Mean): its input 'pool/axes' holds no integers"},
      {{{R"("op":"Squeeze")", R"("op":"Softmax")"}}, "(no error)"},
      {{{R"("op":"Mean","input":["conv_pw_2/Relu6","pool/axes"])", R"("op":"Squeeze","input":["conv_pw_2/Relu6"])"}},
       "node 'pool' (Squeeze): not part of a MobileNet: it takes dimensions away from 4x4x32"},
      {{{R"("op":"Mean","input":["conv_pw_2/Relu6","pool/axes"])", R"("op":"Relu6","input":["images"])"}},
       "the model has 2 outputs ('conv_pw_2/Relu6', 'Softmax'): choose one with --output NAME"},
  };
  CHECK(m.failure(good.json) == "(no error)");
  for (const row& r : rows) {
    CAPTURE(r.changes.front().second);
    CHECK(m.failure(edited(good.json, r.changes)) == r.message);
  }
}

TEST_CASE("10,000 mutations of a good graph crash nothing") {
  const model_folder m;
  auto o = small();
  o.blocks = 1;
  o.written_as = form::batch_norm;
  o.pads = padding::explicit_attribute;
  const synthetic_model good = make_synthetic_graph(o);
  good.write_to(m.folder.path());
  std::mt19937 random(2);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  // Whole strings and numbers change places: nodes read others, attributes get others' values.
  const auto token_at = [&](const std::string& text, std::size_t from) {
    const std::size_t begin = std::min(text.find_first_of(":,[{", from), text.size() - 1) + 1;
    return std::pair{begin, std::min(text.find_first_of(",]}:", begin), text.size())};
  };
  int read = 0;
  for (int i = 0; i < 10000; ++i) {
    std::string mutant = good.json;
    for (std::size_t change = 1 + below(3); change > 0; --change) {
      const auto [begin, end] = token_at(mutant, below(mutant.size()));
      const auto [other, other_end] = token_at(good.json, below(good.json.size()));
      if (begin > end || other > other_end) continue;
      if (below(8) == 0)
        mutant[begin] = static_cast<char>(below(256));
      else
        mutant.replace(begin, end - begin, good.json.substr(other, other_end - other));
    }
    const auto source = m.read(mutant);
    if (!source && source.error().message.empty()) FAIL("no message for ", mutant);
    if (source && ++read % 20 == 0) (void)tools::write_packed_model(*source);
  }
  CHECK(read > 100);
}

}  // namespace
