// MobileNet v2 and the heads of retrained models, as real exporters write them: the same answers as TensorFlow.js, or
// as Keras where TensorFlow.js refuses the file. tests/reference/README.md describes the models and the answers.
#include "support/backends.hpp"
#include "support/files.hpp"
#include "support/softmax.hpp"

#include "tfjs/json_value.hpp"

#include <mobilenet/convert.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace {

using namespace mobilenet;

struct reference_tensor {
  std::string name;
  std::vector<float> values;
};

std::vector<reference_tensor> tensors(const tools::json_value& list) {
  std::vector<reference_tensor> all;
  for (std::size_t i = 0; i < list.size(); ++i) {
    reference_tensor t{list[i]["name"].string().value(), {}};
    const tools::json_value values = list[i]["values"];
    for (std::size_t v = 0; v < values.size(); ++v) t.values.push_back(static_cast<float>(values[v].number().value()));
    all.push_back(std::move(t));
  }
  return all;
}

std::string path_of(const std::string& name) { return MOBILENET_SOURCE_DIR "/tests/reference/v2/" + name; }

// Heads that no MobileNet of TensorFlow.js was seen with.
const std::map<std::string, std::string> refused{
    {"head_log_softmax",
     "modelTopology.model_config.config.layers[6].config.activation: found \"log_softmax\", expected linear, relu, "
     "relu6, softmax, sigmoid, tanh, elu, selu, exponential, softplus, softsign, swish, gelu, hard_sigmoid, leaky_relu "
     "or mish"},
    {"head_relu_negative_slope",
     "modelTopology.model_config.config.layers[7].config.negative_slope: found 0.25, expected 0"},
    {"head_thresholded_relu", "layer 'hidden' (ThresholdedReLU): not part of a MobileNet"},
};

void check_close(std::span<const float> found, const std::vector<float>& expected, float tolerance) {
  REQUIRE(found.size() == expected.size());
  float worst = 0;
  float scale = 1;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float difference = std::abs(found[i] - expected[i]);
    if (!(difference <= worst)) worst = difference;
    scale = std::max(scale, std::abs(expected[i]));
  }
  CHECK(worst <= tolerance * scale);
}

// Compares one output of a model, and the inner activations that have an answer.
template <class B>
void compare(const packed_model& model, const reference_tensor& output, const std::vector<reference_tensor>& inner,
             const std::string& name) {
  constexpr float tolerance = std::is_same_v<B, reference> ? 4e-6f : 2e-5f;
  std::vector<value_id> wanted{model.output_value()};
  for (const reference_tensor& t : inner) {
    const auto value = model.activation_of(t.name);
    CHECK_MESSAGE(value, value.error().message);
    if (!value) return;
    wanted.push_back(*value);
  }
  auto net = network<B>::prepare(model, {}, wanted).value();
  // A scaling that the source model begins with is part of our preprocessing, where it is applied to pixels.
  const bool scales_pixels = name == "keras2_rescaling";
  const bool scales_unit = name.starts_with("graph_hub");
  for (std::uint32_t i = 0; i < net.input_type().elements(); ++i) {
    const float x = format::self_test_input(i);
    net.input().data[i] = scales_pixels ? model.preprocessing().a * x + model.preprocessing().b
                          : scales_unit ? 2.0f * x - 1.0f
                                        : x;
  }
  net.run();

  std::vector<float> expected = output.values;
  const bool probabilities = std::holds_alternative<layers::softmax>(model.nodes().back().layer);
  if (expected.size() == 1 && probabilities) expected = {1 - expected[0], expected[0]};  // one sigmoid: two classes
  float sum = 0;
  for (const float v : expected) sum += v;
  if (probabilities && std::abs(sum - 1) > 1e-3f) expected = support::softmax(expected);  // ours was added
  check_close(net.value(0), expected, tolerance);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    CAPTURE(inner[i].name);
    check_close(net.value(i + 1), inner[i].values, tolerance);
  }
}

TEST_CASE_TEMPLATE("MobileNet v2 and its heads answer as TensorFlow.js does", B, MOBILENET_TEST_BACKENDS) {
  const auto text = support::read_file(MOBILENET_SOURCE_DIR "/tests/reference/v2/answers.json");
  const auto document = tools::json_document::parse({reinterpret_cast<const char*>(text.data()), text.size()}).value();
  std::size_t compared = 0;
  for (const std::string& name : document.root().keys()) {
    CAPTURE(name);
    const tools::json_value answer = document.root()[name];
    const auto outputs = tensors(answer["outputs"]);
    const auto inner = tensors(answer["layers"]);
    for (const reference_tensor& output : outputs) {
      CAPTURE(output.name);
      convert_options options{.like = application::mobilenet};
      if (outputs.size() > 1) options.output = output.name;
      if (name == "keras2_open_size") options.input_size = answer["input"][0].positive_integer().value();
      const auto made = convert_model(path_of(name), options);
      if (const auto known = refused.find(name); known != refused.end()) {
        REQUIRE_FALSE(made);
        CHECK(made.error().message == path_of(name) + "/model.json: " + known->second);
        continue;
      }
      REQUIRE_MESSAGE(made, made.error().message);
      const auto model = packed_model::from_bytes(made->bytes).value();
      compare<B>(model, output, inner, name);
      ++compared;
    }
  }
  CHECK(compared == 70);
}

}  // namespace
