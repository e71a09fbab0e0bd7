// MobileNet v2 and the heads of retrained models, as real exporters write them: the same answers as TensorFlow.js, or
// as Keras where TensorFlow.js refuses the file. tests/reference/README.md describes the models and the answers.
#include "support/backends.hpp"
#include "support/files.hpp"

#include "cli/convert.hpp"
#include "pack/packed_model_writer.hpp"
#include "tfjs/json_value.hpp"

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

std::vector<float> softmax(std::vector<float> scores) {
  const float highest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const float s : scores) sum += std::exp(static_cast<double>(s - highest));
  for (float& s : scores) s = static_cast<float>(std::exp(static_cast<double>(s - highest)) / sum);
  return scores;
}

result<std::vector<std::byte>> converted(const std::string& name, const tools::topology_options& topology) {
  tools::convert_options options;
  options.input = std::string(MOBILENET_SOURCE_DIR "/tests/reference/v2/") + name;
  options.topology = topology;
  tools::conversion_report report;
  auto source = tools::read_model(options, report);
  if (!source) return std::move(source).error();
  return tools::write_packed_model(*source);
}

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
             bool graph_scales) {
  constexpr float tolerance = std::is_same_v<B, reference> ? 4e-6f : 2e-5f;
  std::vector<value_id> wanted{model.output_value()};
  for (const reference_tensor& t : inner) {
    const auto value = model.activation_of(t.name);
    CHECK_MESSAGE(value, value.error().message);
    if (!value) return;
    wanted.push_back(*value);
  }
  auto net = network<B>::prepare(model, {}, wanted).value();
  // A scaling that the source model begins with is part of our preprocessing.
  for (std::uint32_t i = 0; i < net.input_type().elements(); ++i) {
    const float x = format::self_test_input(i);
    net.input().data[i] = graph_scales ? model.preprocessing().a * x + model.preprocessing().b : x;
  }
  net.run();

  std::vector<float> expected = output.values;
  const bool probabilities = std::holds_alternative<layers::softmax>(model.nodes().back().layer);
  if (expected.size() == 1 && probabilities) expected = {1 - expected[0], expected[0]};  // one sigmoid: two classes
  float sum = 0;
  for (const float v : expected) sum += v;
  if (probabilities && std::abs(sum - 1) > 1e-3f) expected = softmax(expected);  // ours was added
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
      tools::topology_options topology;
      if (outputs.size() > 1) topology.output = output.name;
      if (name == "keras2_open_size") topology.input_size = answer["input"][0].positive_integer().value();
      const auto bytes = converted(name, topology);
      CHECK_MESSAGE(bytes, bytes.error().message);
      if (!bytes) continue;
      const auto model = packed_model::from_bytes(*bytes).value();
      compare<B>(model, output, inner, name == "keras2_rescaling");
      ++compared;
    }
  }
  MESSAGE(compared);
}

}  // namespace
