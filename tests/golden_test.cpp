// Real models on real photos: the same probabilities as TensorFlow.js itself, on every back end.
// The golden data is the folder that MOBILENET_TEST_DATA names; it is not part of the project.
#include "support/backends.hpp"
#include "support/files.hpp"

#include <mobilenet/classifier.hpp>
#include <mobilenet/image/decode_image.hpp>

#include "cli/convert.hpp"
#include "pack/packed_model_writer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace mobilenet;

// Converted once for all back ends: models are large, and this file has one test a back end.
const std::vector<std::byte>& converted(const fs::path& folder) {
  static std::map<fs::path, std::vector<std::byte>> models;
  std::vector<std::byte>& bytes = models[folder];
  if (bytes.empty()) {
    tools::conversion_report report;
    tools::convert_options options;
    options.input = folder.string();
    bytes = tools::write_packed_model(tools::read_model(options, report).value()).value();
  }
  return bytes;
}

std::vector<std::size_t> best(std::span<const float> values, std::size_t first, std::size_t k) {
  std::vector<std::size_t> order(values.size() - first);
  std::iota(order.begin(), order.end(), first);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(k);
  return order;
}

// Runs one photo, compares every output with TensorFlow.js's, then calls check(output, expected).
template <class B, class Check>
void compare_photo(classifier<B>& c, const fs::path& root, const std::string& model, const fs::path& photo,
                   float tolerance, Check check) {
  const auto expected_bytes =
      support::read_file((root / "reference" / model / (photo.stem().string() + ".f32")).string());
  const std::span expected(reinterpret_cast<const float*>(expected_bytes.data()),
                           expected_bytes.size() / sizeof(float));
  const auto output = c.run(decode_image(support::read_file(photo.string())).value()).value();
  REQUIRE(output.size() == expected.size());
  float worst = 0.0f;
  for (std::size_t i = 0; i < output.size(); ++i) {
    const float difference = std::abs(output[i] - expected[i]);
    if (!(difference <= worst)) worst = difference;
  }
  CHECK(worst <= tolerance);
  check(output, expected);
}

TEST_CASE_TEMPLATE("all probabilities are those of TensorFlow.js", B, MOBILENET_TEST_BACKENDS) {
  const fs::path root = support::test_data();
  if (root.empty()) return;
  std::size_t compared = 0;
  for (const std::string model_name :
       {"mobilenet_v1_0.25_224", "mobilenet_v1_0.75_224", "mobilenet_v1_1.00_224_qat", "mobilenet_v1_0.25_224_uint8",
        "mobilenet_v1_025_224_graph", "mobilenet_v1_0.50_160_graph_uint8"}) {
    const fs::path folder = root / "models" / model_name;
    const auto& bytes = converted(folder);
    auto c = classifier<B>::from_bytes(bytes).value();
    for (const auto& entry : fs::directory_iterator(root / "images" / "pixels")) {
      const std::string image_name = entry.path().stem().string();
      INFO(model_name << ", " << image_name);
      compare_photo(c, root, model_name, entry.path(), 1e-4f, [&](auto output, auto expected) {
        const std::size_t first = c.model().class_offset();
        const auto found_order = best(output, first, 5);
        const auto expected_order = best(expected, first, 5);
        for (std::size_t i = 0; i < 5; ++i)  // equal unless tied within the tolerance
          if (found_order[i] != expected_order[i])
            CHECK(std::abs(expected[found_order[i]] - expected[expected_order[i]]) <= 1e-4f);
      });
      ++compared;
    }
  }
  CHECK(compared == 6 * 11);
}

TEST_CASE_TEMPLATE("with float16 weights probabilities stay within 2e-3, and the best class", B,
                   MOBILENET_TEST_BACKENDS) {
  const fs::path root = support::test_data();
  if (root.empty()) return;
  for (const std::string model_name : {"mobilenet_v1_0.25_224", "mobilenet_v1_025_224_graph"}) {
    tools::conversion_report report;
    tools::convert_options options;
    options.input = (root / "models" / model_name).string();
    const auto bytes = tools::write_packed_model(tools::read_model(options, report).value(), element::f16).value();
    auto c = classifier<B>::from_bytes(bytes).value();
    for (const auto& entry : fs::directory_iterator(root / "images" / "pixels")) {
      const std::string image_name = entry.path().stem().string();
      INFO(model_name << ", " << image_name);
      compare_photo(c, root, model_name, entry.path(), 2e-3f,
                    [](auto output, auto expected) { CHECK(best(output, 0, 1) == best(expected, 0, 1)); });
    }
  }
}

}  // namespace
