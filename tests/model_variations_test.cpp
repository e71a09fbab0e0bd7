// Every way of writing a model that the converter knows, against what TensorFlow.js itself answered.
// tests/reference/model_variations.mjs made the golden data and says how to make it again.
#include "support/model_variations.hpp"
#include "support/backends.hpp"
#include "support/files.hpp"
#include "support/softmax.hpp"

#include "tfjs/json_value.hpp"
#include "tfjs/read_model.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace {

using namespace mobilenet;

// Of the reference back end: scores of about 1, kernels in float32, sums of some hundred terms.
constexpr float reference_tolerance = 2e-6f;
constexpr float tolerance = 1e-5f;

std::vector<float> golden(const tools::json_value& answers, const std::string& name) {
  const tools::json_value values = answers[name];
  REQUIRE_MESSAGE(values.size() > 0, name, " has no golden data: see tests/reference/model_variations.mjs");
  std::vector<float> numbers;
  for (std::size_t i = 0; i < values.size(); ++i) numbers.push_back(static_cast<float>(values[i].number().value()));
  return numbers;
}

TEST_CASE_TEMPLATE("models in all variations answer as TensorFlow.js does", B, MOBILENET_TEST_BACKENDS) {
  const auto text = support::read_file(MOBILENET_SOURCE_DIR "/tests/reference/model_variations.json");
  const auto document = tools::json_document::parse({reinterpret_cast<const char*>(text.data()), text.size()}).value();
  const tools::json_value answers = document.root()["answers"];
  for (const auto& variation : test::model_variations()) {
    const std::string& name = variation.first;
    const test::synthetic_model& model = variation.second;
    CAPTURE(name);
    const support::temporary_folder folder;
    model.write_to(folder.path());
    const auto made = convert_model(folder.path());
    REQUIRE_MESSAGE(made, made.error().message);
    const packed_model packed = packed_model::from_bytes(made->bytes).value();
    auto net = network<B>::prepare(packed).value();

    // TensorFlow.js got the input of the self-test. A graph's own scaling is part of our preprocessing.
    const bool scales = std::string_view(name).ends_with("scales_input");
    for (std::uint32_t i = 0; i < net.input_type().elements(); ++i)
      net.input().data[i] = scales ? format::self_test_input(i) * 2 - 1 : format::self_test_input(i);
    const auto output = net.run();

    std::vector<float> expected = golden(answers, name);
    if (expected.size() == 1) expected = {1 - expected[0], expected[0]};  // a sigmoid: the second of two classes
    const bool softmax_last = std::holds_alternative<layers::softmax>(packed.nodes().back().layer);
    float sum = 0;
    for (const float v : expected) sum += v;
    if (softmax_last && std::abs(sum - 1) > 1e-3f) expected = support::softmax(expected);  // ours is added
    REQUIRE(output.size() == expected.size());
    float worst = 0;
    for (std::size_t i = 0; i < output.size(); ++i) worst = std::max(worst, std::abs(output[i] - expected[i]));
    const float scale = std::max(1.0f, *std::max_element(expected.begin(), expected.end()));
    CHECK(worst <= (std::is_same_v<B, reference> ? reference_tolerance : tolerance) * scale);
  }
}

TEST_CASE("a graph that scales its input takes pixels from 0 to 1, another from -1 to 1") {
  for (const bool scales : {true, false}) {
    test::synthetic_graph_options o;
    o.resolution = 33;
    o.blocks = 1;
    o.scales_input = scales;
    const support::temporary_folder folder;
    test::make_synthetic_graph(o).write_to(folder.path());
    const tools::folder_files files(folder.path());
    convert_options options;
    conversion_report report;
    const auto source = tools::read_model(files, options, report).value();
    CHECK(source.preprocessing.scaling == preprocessing::formula::multiply_add);
    CHECK(source.preprocessing.a == static_cast<float>(2.0 / 255.0));
    CHECK(source.preprocessing.b == -1.0f);
    CHECK(source.class_offset == 1);
    CHECK(report.form == "graph model");
    if (scales) {  // x / 127.5 - 1, as a graph has it that takes pixels as they are
      test::synthetic_model model = test::make_synthetic_graph(o);
      const float two = 2.0f, step = 1.0f / 127.5f;
      auto& shard = model.shards.front().second;
      REQUIRE(std::memcmp(shard.data(), &two, sizeof two) == 0);
      std::memcpy(shard.data(), &step, sizeof step);
      const support::temporary_folder other;
      model.write_to(other.path());
      const auto p = tools::read_model(tools::folder_files(other.path()), {}, report).value().preprocessing;
      CHECK(p.a == doctest::Approx(1.0 / 127.5));
      CHECK(p.b == -1.0f);
      CHECK(report.notes.back() == "the graph scales its input by itself: it gets pixels from 0 to 255");
    }
    options.range = {0.0f, 255.0f};
    const auto raw = tools::read_model(files, options, report).value();
    CHECK(raw.preprocessing.a == (scales ? 2.0f : 1.0f));
    CHECK(raw.preprocessing.b == (scales ? -1.0f : 0.0f));
  }
}

}  // namespace
