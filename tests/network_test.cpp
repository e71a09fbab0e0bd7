// Whole networks of every width on every back end, against the reference back end.
#include "support/backends.hpp"
#include "support/mobilenet_v1.hpp"

#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace mobilenet;

std::vector<std::byte> packed(const tools::model_source& source) { return tools::write_packed_model(source).value(); }

template <class B>
std::vector<float> run_self_test(const packed_model& model, unsigned threads = 1) {
  auto net = network<B>::prepare(model, {threads}).value();
  for (std::uint32_t i = 0; i < net.input_shape().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto output = net.run();
  return {output.begin(), output.end()};
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

TEST_CASE_TEMPLATE("the self-test of networks of any width and resolution is met", B, MOBILENET_TEST_BACKENDS) {
  struct variant {
    double alpha;
    std::uint32_t resolution;
    std::uint32_t classes;
  };
  for (const variant& v : {variant{0.25, 64, 10}, {0.5, 33, 1000}, {0.75, 96, 7}, {1.0, 32, 100}, {0.3, 47, 3}}) {
    const auto bytes = packed(test::mobilenet_v1(v.alpha, v.resolution, v.classes));
    const auto model = packed_model::from_bytes(bytes).value();
    const auto expected = model.self_test_output();
    INFO("alpha " << v.alpha << ", resolution " << v.resolution);
    // An output that is flat would be met by nearly anything.
    REQUIRE(*std::max_element(expected.begin(), expected.end()) > 1.01f / static_cast<float>(v.classes));
    CHECK(largest_difference(run_self_test<B>(model), expected) <= 1e-4);
    CHECK(largest_difference(run_self_test<B>(model, 3), expected) <= 1e-4);
  }
}

TEST_CASE_TEMPLATE("a second run and a moved network answer the same bits", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 48, 20));
  const auto model = packed_model::from_bytes(bytes).value();
  auto net = network<B>::prepare(model).value();
  for (std::uint32_t i = 0; i < net.input_shape().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto view = net.run();
  const std::vector<float> first(view.begin(), view.end());
  auto moved = std::move(net);
  const auto again = moved.run();
  CHECK(std::equal(again.begin(), again.end(), first.begin(), first.end()));
}

TEST_CASE_TEMPLATE("the embedding is the pooled activation, and leaves the next run as it was", B,
                   MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 48, 20));
  const auto model = packed_model::from_bytes(bytes).value();
  const auto layer = model.embedding_layer();
  REQUIRE(layer.has_value());
  const packed_model cut = model.until(model.layers()[*layer].activation_name()).value();
  const auto expected = run_self_test<B>(cut);
  REQUIRE(expected.size() == 256);

  auto net = network<B>::prepare(model).value();
  for (std::uint32_t i = 0; i < net.input_shape().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto embedding = net.run_embedding();
  CHECK(std::vector<float>(embedding.begin(), embedding.end()) == expected);
  const auto output = net.run();
  CHECK(std::vector<float>(output.begin(), output.end()) == run_self_test<B>(model));
}

TEST_CASE_TEMPLATE("the embedding of a model without classes is its output", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 48, 20));
  const auto model = packed_model::from_bytes(bytes).value();
  // Cut where activations still have positions: the back end's own layout must not show.
  const packed_model cut = model.until(model.layers()[4].activation_name()).value();
  CHECK(cut.embedding_layer() == cut.layers().size() - 1);
  auto net = network<B>::prepare(cut).value();
  for (std::uint32_t i = 0; i < net.input_shape().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto embedding = net.run_embedding();
  CHECK(embedding.size() == cut.output_shape().elements());
  CHECK(std::vector<float>(embedding.begin(), embedding.end()) == run_self_test<B>(cut));
}

TEST_CASE_TEMPLATE("threads share one model, each with a network of its own", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 32, 20));
  const auto model = packed_model::from_bytes(bytes).value();
  std::vector<std::vector<float>> outputs(4);
  {
    std::vector<std::jthread> threads;
    for (auto& output : outputs)
      threads.emplace_back([&] {
        for (int i = 0; i < 3; ++i) output = run_self_test<B>(model);
      });
  }
  for (const auto& output : outputs) CHECK(output == outputs.front());
}

TEST_CASE_TEMPLATE("float16 weights stay close to float32 ones", B, MOBILENET_TEST_BACKENDS) {
  const auto source = test::mobilenet_v1(0.25, 48, 20);
  const auto bytes = tools::write_packed_model(source, weight_type::float16).value();
  const auto model = packed_model::from_bytes(bytes).value();
  CHECK(largest_difference(run_self_test<B>(model), model.self_test_output()) <= 1e-4);
  const auto full = packed(source);
  CHECK(largest_difference(run_self_test<B>(model), packed_model::from_bytes(full).value().self_test_output()) <= 2e-3);
}

}  // namespace
