// Real models on real photos: the same probabilities as TensorFlow.js itself, on every back end.
// The golden data is the folder that MOBILENET_TEST_DATA names; it is not part of the project.
#include "support/backends.hpp"
#include "support/files.hpp"

#include <mobilenet/classifier.hpp>
#include <mobilenet/convert.hpp>
#include <mobilenet/image/decode_image.hpp>

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
const std::vector<std::byte>& converted(const fs::path& folder, const convert_options& options = {}) {
  static std::map<fs::path, std::vector<std::byte>> models;
  std::vector<std::byte>& bytes = models[folder];
  if (bytes.empty()) bytes = convert_model(folder.string(), options).value().bytes;
  return bytes;
}

std::vector<std::size_t> best(std::span<const float> values, std::size_t first, std::size_t k) {
  std::vector<std::size_t> order(values.size() - first);
  std::iota(order.begin(), order.end(), first);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(std::min(k, order.size()));
  return order;
}

// Runs one photo, compares every output with TensorFlow.js's, then calls check(output, expected).
template <class B, class Check>
void compare_photo(classifier<B>& c, const fs::path& reference, const fs::path& photo, float tolerance, Check check) {
  const auto expected_bytes = support::read_file((reference / (photo.stem().string() + ".f32")).string());
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

template <class B>
void compare_photo(classifier<B>& c, const fs::path& reference, const fs::path& photo) {
  compare_photo(c, reference, photo, 1e-4f, [&](auto output, auto expected) {
    const std::size_t first = c.model().class_offset();
    const auto found_order = best(output, first, 5);
    const auto expected_order = best(expected, first, 5);
    for (std::size_t i = 0; i < found_order.size(); ++i)  // equal unless tied within the tolerance
      if (found_order[i] != expected_order[i])
        CHECK(std::abs(expected[found_order[i]] - expected[expected_order[i]]) <= 1e-4f);
  });
}

struct golden_model {
  std::string name;
  convert_options options = {};
  std::string images = "pixels";
};

TEST_CASE_TEMPLATE("all outputs are those of TensorFlow.js", B, MOBILENET_TEST_BACKENDS) {
  const fs::path root = support::test_data();
  if (root.empty()) return;
  const golden_model models[] = {
      {"mobilenet_v1_0.25_224"},
      {"mobilenet_v1_0.75_224"},
      {"mobilenet_v1_1.00_224_qat"},
      {"mobilenet_v1_0.25_224_uint8"},
      {"mobilenet_v1_025_224_graph"},
      {"mobilenet_v1_0.50_160_graph_uint8"},
      {"nsfwjs_mobilenet_v2_uint8", {.like = application::nsfwjs}},
      {"nsfwjs_mobilenet_v2_mid_graph_uint8", {.like = application::nsfwjs}},
      {"teachable_machine_v2_0.35_224", {}, "pixels224"},
  };
  std::size_t compared = 0;
  for (const golden_model& model : models) {
    auto c = classifier<B>::from_bytes(converted(root / "models" / model.name, model.options)).value();
    for (const auto& entry : fs::directory_iterator(root / "images" / model.images)) {
      INFO(model.name << ", " << entry.path().stem().string());
      compare_photo(c, root / "reference" / model.name, entry.path());
      ++compared;
    }
  }
  CHECK(compared == 9 * 11);
}

TEST_CASE_TEMPLATE("small models of other kinds have TensorFlow.js's outputs too", B, MOBILENET_TEST_BACKENDS) {
  const fs::path root = support::test_data();
  if (root.empty()) return;
  std::size_t compared = 0;
  for (const auto& folder : fs::directory_iterator(root / "cases" / "reference")) {
    const fs::path name = folder.path().filename();
    auto c = classifier<B>::from_bytes(converted(root / "cases" / "models" / name)).value();
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      if (entry.path().extension() != ".f32") continue;
      INFO(name.string() << ", " << entry.path().stem().string());
      compare_photo(c, folder.path(), root / "images" / "pixels" / (entry.path().stem().string() + ".png"));
      ++compared;
    }
  }
  CHECK(compared >= 4 * 2);
}

TEST_CASE_TEMPLATE("with float16 weights probabilities stay within 2e-3, and the best class", B,
                   MOBILENET_TEST_BACKENDS) {
  const fs::path root = support::test_data();
  if (root.empty()) return;
  for (const std::string model_name : {"mobilenet_v1_0.25_224", "mobilenet_v1_025_224_graph"}) {
    const auto bytes = convert_model((root / "models" / model_name).string(), {.weights = element::f16}).value().bytes;
    auto c = classifier<B>::from_bytes(bytes).value();
    for (const auto& entry : fs::directory_iterator(root / "images" / "pixels")) {
      const std::string image_name = entry.path().stem().string();
      INFO(model_name << ", " << image_name);
      compare_photo(c, root / "reference" / model_name, entry.path(), 2e-3f,
                    [](auto output, auto expected) { CHECK(best(output, 0, 1) == best(expected, 0, 1)); });
    }
  }
}

TEST_CASE("files that are no model.json get a sentence") {
  const fs::path root = support::test_data();
  if (root.empty()) return;
  const std::string cases = (root / "cases" / "models" / "").string();
  const auto python = [](const std::string& format, const std::string& source) {
    return "tensorflowjs_converter --input_format=" + format + " " + source + " FOLDER makes a model.json of it";
  };
  const std::string no_such_file = "cannot open: No such file or directory: but ";
  const std::string model_0x =
      "part of a model of version 0.x of the TensorFlow.js converter (tensorflowjs_model.pb and "
      "weights_manifest.json): "
      "convert the original model again, or run pb2json_converter.ts of the project tfjs-converter on the folder";
  const std::string face_api =
      "a list of weights without a network (face-api.js has its networks in its own code): expected model.json";
  struct row {
    std::string path;     // below cases/models
    std::string subject;  // the file that the message names
    std::string message;
  };
  const row rows[] = {
      {"wrong_files/faceapi", "wrong_files/faceapi/model.json",
       no_such_file + "ssd_mobilenetv1_model-weights_manifest.json is there, " + face_api},
      {"wrong_files/faceapi/ssd_mobilenetv1_model-weights_manifest.json", "", "this is " + face_api},
      {"wrong_files/h5", "wrong_files/h5/model.json",
       no_such_file + "model.h5 is there, a Keras model in HDF5: " + python("keras", "model.h5")},
      {"wrong_files/h5/model.h5", "", "this is a Keras model in HDF5: " + python("keras", "model.h5")},
      {"wrong_files/html", "wrong_files/html/group1-shard1of1.bin",
       "this is an HTML page, not the file: download the file itself (a shard of " + cases +
           "wrong_files/html/model.json)"},
      {"wrong_files/keras", "wrong_files/keras/model.json",
       no_such_file + "model.keras is there, a Keras 3 model: " + python("keras_keras", "model.keras")},
      {"wrong_files/keras/model.keras", "", "this is a Keras 3 model: " + python("keras_keras", "model.keras")},
      {"wrong_files/keras/config.json", "", "modelTopology: found nothing, expected an object"},
      {"wrong_files/lfs", "wrong_files/lfs/group1-shard1of1.bin",
       "this is a pointer to a file in Git LFS, not the file: git lfs pull fetches it (a shard of " + cases +
           "wrong_files/lfs/model.json)"},
      {"wrong_files/metadata.json", "",
       "this is the metadata of a Teachable Machine model: expected model.json, which it lies beside"},
      {"wrong_files/pb0x", "wrong_files/pb0x/model.json", no_such_file + "tensorflowjs_model.pb is there, " + model_0x},
      {"wrong_files/pb0x/tensorflowjs_model.pb", "", "this is " + model_0x},
      {"wrong_files/pb0x/weights_manifest.json", "", "this is " + model_0x},
      {"wrong_files/savedmodel", "wrong_files/savedmodel/model.json",
       no_such_file + "saved_model.pb is there, a TensorFlow SavedModel: " + python("tf_saved_model", "SAVED_MODEL")},
      {"wrong_files/savedmodel/saved_model.pb", "",
       "this is a TensorFlow SavedModel: " + python("tf_saved_model", "SAVED_MODEL")},
      {"wrong_files/tm.zip", "", "this is a zip archive: unpack it, and name the folder"},
      {"34_head_only_1024", "34_head_only_1024/model.json",
       "layer 'dense_1' (Dense): the model begins with it, on [null, 1024]: it is the head of a model, which takes "
       "another model's features and not images. Convert the whole model, base and head together"},
  };
  for (const row& r : rows) {
    CAPTURE(r.path);
    const auto refused = convert_model(cases + r.path);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == cases + (r.subject.empty() ? r.path : r.subject) + ": " + r.message);
  }
  const auto labels = support::read_file(cases + "wrong_files/labels_with_an_empty_last_line.txt");
  const std::string text(reinterpret_cast<const char*>(labels.data()), labels.size());
  const auto named = convert_model(cases + "01_batchInputShape_functional", {.labels = text});
  REQUIRE_MESSAGE(named, named.error().message);
  CHECK(packed_model::from_bytes(named->bytes).value().label(4) == "e");
}

}  // namespace
