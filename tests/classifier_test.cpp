// The whole chain in one object: what it answers, where its model may come from, what it refuses.
#include "support/mobilenet_v1.hpp"
#include "support/unpacked_models.hpp"

#include <mobilenet/mobilenet.hpp>

#include "cli/write_file.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

namespace {

using namespace mobilenet;

tools::unpacked_model small_model(std::uint32_t classes = 10) {
  auto source = test::mobilenet_v1(0.25, 32, classes);
  for (std::uint32_t i = 0; i < classes; ++i) source.labels.push_back("class " + std::to_string(i));
  return source;
}

std::vector<std::uint8_t> gradient(std::uint32_t width, std::uint32_t height) {
  std::vector<std::uint8_t> pixels(std::size_t{width} * height * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 31 % 251);
  return pixels;
}

TEST_CASE("an image gets classes in descending order with their names") {
  const auto bytes = tools::write_packed_model(small_model()).value();
  auto c = classifier<reference>::from_bytes(bytes).value();
  const auto pixels = gradient(50, 40);
  const auto best = c.classify(packed_view(pixels.data(), 50, 40), 10).value();
  REQUIRE(best.size() == 10);
  float sum = 0.0f;
  for (std::size_t i = 0; i < best.size(); ++i) {
    CHECK(best[i].class_name == "class " + std::to_string(best[i].class_index));
    if (i > 0) CHECK(best[i - 1].probability >= best[i].probability);
    sum += best[i].probability;
  }
  CHECK(sum == doctest::Approx(1.0));
  CHECK(c.classify(packed_view(pixels.data(), 50, 40)).value().size() == 3);
}

TEST_CASE("file, bytes and a shared model answer alike") {
  const auto bytes = tools::write_packed_model(small_model()).value();
  const std::string path = "classifier_test.mnet";
  tools::write_file(path, bytes).value();
  const auto shared = open_model(path).value();
  const auto pixels = gradient(32, 32);
  const auto view = packed_view(pixels.data(), 32, 32);
  auto from_file = classifier<reference>::open(path).value();
  auto from_bytes = classifier<reference>::from_bytes(bytes).value();
  auto from_shared = classifier<reference>::share(shared).value();
  auto moved = std::move(from_file);
  const auto expected = from_bytes.classify(view).value();
  for (auto* other : {&moved, &from_shared}) {
    const auto found = other->classify(view).value();
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].class_index == expected[i].class_index);
      CHECK(found[i].probability == expected[i].probability);
    }
  }
  std::remove(path.c_str());
}

TEST_CASE("a model that is handed over lives in the classifier") {
  const auto bytes = tools::write_packed_model(small_model()).value();
  const std::string path = "classifier_test_owned.mnet";
  tools::write_file(path, bytes).value();
  auto c = classifier<reference>::share(open_model(path).value()).value();
  auto pool = classifier_pool<reference>::share(open_model(path).value()).value();
  std::remove(path.c_str());
  const auto pixels = gradient(32, 32);
  const auto view = packed_view(pixels.data(), 32, 32);
  CHECK(c.classify(view).value().size() == 3);
  CHECK(pool.classify({&view, 1})[0].value().size() == 3);
  std::size_t seen = 0;
  for (const auto& p : *c.classify(view))
    seen += p.class_name.empty() ? 0u : 1u;  // the temporary lives as long as the loop
  CHECK(seen == 3);
}

TEST_CASE("a background class is kept out of the ranking") {
  auto source = test::mobilenet_v1(0.25, 32, 11);
  source.class_offset = 1;
  source.layers[source.layers.size() - 2].bias[0] = 50.0f;  // background wins by far
  const auto bytes = tools::write_packed_model(source).value();
  auto c = classifier<reference>::from_bytes(bytes).value();
  const auto pixels = gradient(32, 32);
  const auto view = packed_view(pixels.data(), 32, 32);
  const auto best = c.classify(view, 20).value();
  CHECK(best.size() == 10);
  const auto output = c.run(view).value();
  CHECK(output.size() == 11);
  CHECK(output[0] > 0.99f);
  for (const auto& p : best) CHECK(p.probability == output[p.class_index + 1]);
}

TEST_CASE("an embedding is what the class scores are computed from") {
  const tools::unpacked_model source = small_model();
  const auto bytes = tools::write_packed_model(source).value();
  auto c = classifier<reference>::from_bytes(bytes).value();
  const auto pixels = gradient(50, 40);
  const auto view = packed_view(pixels.data(), 50, 40);
  const auto found = c.embedding(view).value();
  const std::vector<float> embedding(found.begin(), found.end());
  REQUIRE(embedding.size() == 256);

  const auto& layer = source.layers[source.layers.size() - 2];  // the dense one
  const auto output = c.run(view).value();
  std::vector<double> scores(layer.bias.begin(), layer.bias.end());
  for (std::size_t i = 0; i < embedding.size(); ++i)
    for (std::size_t j = 0; j < scores.size(); ++j)
      scores[j] += static_cast<double>(embedding[i]) * static_cast<double>(layer.kernel[i * scores.size() + j]);
  for (std::size_t j = 1; j < scores.size(); ++j)
    CHECK(std::exp(scores[j] - scores[0]) == doctest::Approx(output[j] / output[0]).epsilon(1e-4));
  CHECK(c.embedding(image_view{}).error().message == "image: found 0x0 pixels, expected at least 1x1");
}

TEST_CASE("a model without pooling has no embedding") {
  tools::unpacked_model source;
  source.layers.push_back({layers::conv2d{{4, 4, 3}, 2, {4, 4, 1, {}}, {}}, std::vector<float>(4 * 4 * 3 * 2, 0.1f),
                           std::vector<float>(2), "dense", 0});
  source.layers.push_back({layers::softmax{{1, 1, 2}}, {}, {}, "softmax", 0});
  const auto bytes = tools::write_packed_model(test::chained(source)).value();
  auto c = classifier<reference>::from_bytes(bytes).value();
  const auto pixels = gradient(4, 4);
  const auto refused = c.embedding(packed_view(pixels.data(), 4, 4));
  REQUIRE(!refused);
  CHECK(refused.error().code == errc::unsupported);
  CHECK(refused.error().message == "the model has no pooling layer whose activation could be an embedding");
}

TEST_CASE("what cannot be classified says why") {
  const auto bytes = tools::write_packed_model(small_model()).value();
  auto c = classifier<reference>::from_bytes(bytes).value();
  const auto empty = c.classify(image_view{});
  REQUIRE(!empty);
  CHECK(empty.error().code == errc::invalid_argument);
  CHECK(empty.error().message == "image: found 0x0 pixels, expected at least 1x1");

  auto features = small_model();
  features.labels.clear();
  features.layers.resize(features.layers.size() - 2);  // ends at the pooling
  features.output = output_kind::features;
  const auto feature_bytes = tools::write_packed_model(features).value();
  auto embedding = classifier<reference>::from_bytes(feature_bytes).value();
  const auto pixels = gradient(32, 32);
  const auto refused = embedding.classify(packed_view(pixels.data(), 32, 32));
  REQUIRE(!refused);
  CHECK(refused.error().message == "the model has no classes: it computes 1x1x256 features");
  CHECK(embedding.run(packed_view(pixels.data(), 32, 32)).value().size() == 256);
  CHECK(embedding.embedding(packed_view(pixels.data(), 32, 32)).value().size() == 256);

  const auto missing = classifier<reference>::open("no such file.mnet");
  REQUIRE(!missing);
  CHECK(missing.error().message == "no such file.mnet: cannot open: No such file or directory");
}

}  // namespace
