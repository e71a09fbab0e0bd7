// Reading model.json's weights manifest and the shards: where bytes come from, and each way to be wrong about it.
#include "support/files.hpp"

#include "tfjs/tfjs_model.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using mobilenet::errc;
using mobilenet::tools::stored_as;
using mobilenet::tools::tfjs_model;

std::vector<std::byte> floats(std::initializer_list<float> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

/// A folder with a model.json of a given manifest.
struct model_folder {
  support::temporary_folder folder;

  mobilenet::result<tfjs_model> open_manifest(const std::string& manifest) const {
    return open_text(R"({"modelTopology":{"class_name":"Model"},"weightsManifest":)" + manifest + "}");
  }
  mobilenet::result<tfjs_model> open_text(std::string_view text) const {
    support::write_file(folder / "model.json", text);
    return open(folder.path());
  }
  static mobilenet::result<tfjs_model> open(const std::string& path) {
    return tfjs_model::open(mobilenet::tools::folder_files(path));
  }
  // The error's message, the folder's name left out of it.
  std::string failure(const mobilenet::result<tfjs_model>& opened) const {
    REQUIRE_FALSE(opened);
    std::string message = opened.error().message;
    for (std::size_t at; (at = message.find(folder.path() + "/")) != std::string::npos;)
      message.erase(at, folder.path().size() + 1);
    return message;
  }
};

TEST_CASE("weights lie one after the other in the shards of their group, cut anywhere") {
  const model_folder m;
  const auto bytes = floats({1, 2, 3, 4, 5, 6, 7});
  const std::span all(bytes);
  support::write_file(m.folder / "a.bin", all.subspan(0, 3));
  support::write_file(m.folder / "b.bin", all.subspan(3, 14));
  support::write_file(m.folder / "c.bin", all.subspan(17));
  support::write_file(m.folder / "d.bin", floats({8}));
  const auto model = m.open_manifest(R"([
      {"paths":["a.bin","b.bin","c.bin"],"weights":[{"name":"x","shape":[2,2],"dtype":"float32"},
                                                    {"name":"y","shape":[3],"dtype":"float32"}]},
      {"paths":[],"weights":[]},
      {"paths":["d.bin"],"weights":[{"name":"z","shape":[],"dtype":"float32"}]}])");
  REQUIRE(model);
  REQUIRE(model->weights().size() == 3);
  CHECK(model->weights()[0].name == "x");
  CHECK(model->weights()[0].shape == std::vector<std::uint32_t>{2, 2});
  CHECK(model->weights()[0].values() == std::vector<float>{1, 2, 3, 4});
  CHECK(model->weights()[1].values() == std::vector<float>{5, 6, 7});
  CHECK(model->weights()[2].values() == std::vector<float>{8});
  CHECK(model->shards() == 4);
  CHECK(model->weight_bytes() == 32);
}

TEST_CASE("quantised weights: q * scale + min, in double, rounded once") {
  const model_folder m;
  const std::uint8_t bytes[] = {0,   128,  255,                               // uint8
                                0,   0,    255, 255,                          // uint16
                                0,   0x3c, 1,   0,   0, 0xc0,                 // float16: 1, 2^-24, -2
                                254, 255,  255, 255, 7, 0,    0, 0, 0, 255};  // uint8 of integers
  support::write_file(m.folder / "s.bin", std::as_bytes(std::span(bytes)));
  const auto model = m.open_manifest(R"([{"paths":["s.bin"],"weights":[
      {"name":"a","shape":[3],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.1,"min":-12.8}},
      {"name":"b","shape":[2],"dtype":"float32","quantization":{"dtype":"uint16","scale":0.5,"min":1,"original_dtype":"float32"}},
      {"name":"c","shape":[3],"dtype":"float32","quantization":{"dtype":"float16"}},
      {"name":"d","shape":[2],"dtype":"int32"},
      {"name":"e","shape":[2],"dtype":"int32","quantization":{"dtype":"uint8","scale":0.00784313725490196,"min":-1}}]}])");
  REQUIRE(model);
  CHECK(model->weights()[0].values() == std::vector<float>{static_cast<float>(-12.8),
                                                           static_cast<float>(128 * 0.1 - 12.8),
                                                           static_cast<float>(255 * 0.1 - 12.8)});
  CHECK(model->weights()[1].values() == std::vector<float>{1.0f, 32768.5f});
  CHECK(model->weights()[2].values() == std::vector<float>{1.0f, 0x1p-24f, -2.0f});
  CHECK(model->weights()[3].values() == std::vector<float>{-2.0f, 7.0f});
  CHECK(model->weights()[4].values() == std::vector<float>{-1.0f, 1.0f});
  CHECK(model->weights()[4].integers);
}

TEST_CASE("a path of a million characters is not repeated") {
  const model_folder m;
  const auto opened = m.open_manifest(R"([{"paths":[")" + std::string(1'000'000, 'x') + R"("],"weights":[]}])");
  CHECK(m.failure(opened) == "model.json: weightsManifest[0].paths[0]: found \"" + std::string(40, 'x') +
                                 "...\", expected a path of at most 4096 bytes");
}

TEST_CASE("paths: subfolders, spaces and percent escapes") {
  const model_folder m;
  REQUIRE(::mkdir((m.folder / "the weights").c_str(), 0777) == 0);
  support::write_file(m.folder / "the weights/shard 1.bin", floats({1}));
  support::write_file(m.folder / "100%25.bin", floats({2}));
  support::write_file(m.folder / "100%.bin", floats({3}));
  const auto value = [&](const char* path) {
    const auto model = m.open_manifest(std::string(R"([{"paths":[")") + path +
                                       R"("],"weights":[{"name":"x","shape":[1],"dtype":"float32"}]}])");
    REQUIRE(model);
    return model->weights()[0].values()[0];
  };
  CHECK(value("the weights/shard 1.bin") == 1);
  CHECK(value("the%20weights/shard%201.bin") == 1);
  CHECK(value("./the weights/shard 1.bin") == 1);
  CHECK(value("100%25.bin") == 2);  // a file of exactly this name goes before the decoded one
  CHECK(value("100%.bin") == 3);
}

TEST_CASE("the optimizer's weights are passed over") {
  const model_folder m;
  support::write_file(m.folder / "s.bin", floats({1, 2, 3}));
  const auto model = m.open_manifest(R"([{"paths":["s.bin"],"weights":[
      {"name":"training/Adam/m","shape":[2],"dtype":"float32","group":"optimizer"},
      {"name":"x","shape":[1],"dtype":"float32","group":"model"}]}])");
  REQUIRE(model);
  REQUIRE(model->weights().size() == 1);
  CHECK(model->weights()[0].values()[0] == 3);
}

TEST_CASE("each way a manifest can be wrong has its message") {
  const model_folder m;
  support::write_file(m.folder / "s.bin", floats({1, 2}));
  support::write_file(m.folder / "empty.bin", std::string_view(""));
  const std::string x = R"({"name":"x","shape":[2],"dtype":"float32"})";
  const auto group = [](const std::string& weights, const std::string& paths = R"("s.bin")") {
    return "[{\"paths\":[" + paths + "],\"weights\":[" + weights + "]}]";
  };
  const auto weight = [&](const std::string& members) { return group("{" + members + "}"); };
  struct row {
    std::string manifest;
    std::string message;
  };
  const row rows[] = {
      {"null", "model.json: weightsManifest: found null, expected an array"},
      {"{}", "model.json: weightsManifest: found an object, expected an array"},
      {"[1]", "model.json: weightsManifest[0].paths: found nothing, expected an array"},
      {R"([{"weights":[]}])", "model.json: weightsManifest[0].paths: found nothing, expected an array"},
      {R"([{"paths":[]}])", "model.json: weightsManifest[0].weights: found nothing, expected an array"},
      {group(x, "7"), "model.json: weightsManifest[0].paths[0]: found 7, expected a string"},
      {group(x, R"("gone.bin")"), "gone.bin: cannot open: No such file or directory (a shard of model.json)"},
      {group(x, R"("empty.bin")"), "empty.bin: the file is empty (a shard of model.json)"},
      {group(x, ""),
       "model.json: weightsManifest[0] has no shards: they hold 0 bytes, expected 8 for the 1 weights of "
       "weightsManifest[0]"},
      {group(x, R"("../s.bin")"),
       "model.json: weightsManifest[0].paths[0]: found \"../s.bin\", expected a path inside the folder of model.json"},
      {group(x, R"("%2e%2e/s.bin")"),
       "model.json: weightsManifest[0].paths[0]: found \"%2e%2e/s.bin\", expected a path inside the folder of "
       "model.json"},
      {group(x, R"("/etc/passwd")"),
       "model.json: weightsManifest[0].paths[0]: found \"/etc/passwd\", expected a path inside the folder of "
       "model.json"},
      {group(x, R"("s.bin\u0000")"),
       "model.json: weightsManifest[0].paths[0]: found \"s.bin\\x00\", expected a path inside the folder of "
       "model.json"},
      {group(x, R"("s.bin","s.bin")"),
       "s.bin to s.bin: the 2 shards hold 16 bytes, expected 8 for the 1 weights of weightsManifest[0]"},
      {weight(R"("name":"x","shape":[3],"dtype":"float32")"),
       "s.bin: holds 8 bytes, expected 12 for the 1 weights of weightsManifest[0]"},
      {weight(R"("name":"x","shape":[1],"dtype":"float32")"),
       "s.bin: holds 8 bytes, expected 4 for the 1 weights of weightsManifest[0]"},
      {group(x + "," + x, R"("s.bin","s.bin")"), "model.json: weight 'x' is in weightsManifest twice"},
      {group("7"), "model.json: weightsManifest[0].weights[0].name: found nothing, expected a string"},
      {weight(R"("shape":[2],"dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].name: found nothing, expected a string"},
      {weight(R"("name":"x","dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].shape: found nothing, expected an array of positive integers"},
      {weight(R"("name":"x","shape":[-2],"dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].shape: found [-2], expected an array of positive integers"},
      {weight(R"("name":"x","shape":[0],"dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].shape: found [0], expected an array of positive integers"},
      {weight(R"("name":"x","shape":[2.5],"dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].shape: found [2.5], expected an array of positive integers"},
      {weight(R"("name":"x","shape":["2"],"dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].shape: found [\"2\"], expected an array of positive integers"},
      {weight(R"("name":"x","shape":[99999999999],"dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].shape: found [99999999999], expected an array of positive integers"},
      {weight(R"("name":"x","shape":[1e300],"dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].shape: found [1e+300], expected an array of positive integers"},
      {weight(R"("name":"x","shape":[65536,65536,65536,65536],"dtype":"float32")"),
       "model.json: weightsManifest[0].weights[0].shape: found [65536, 65536, 65536, 65536], expected at most "
       "2147483648 elements"},
      {weight(R"("name":"x","shape":[2])"),
       "model.json: weightsManifest[0].weights[0].dtype: found nothing, expected a string"},
      {weight(R"("name":"x","shape":[2],"dtype":"float64")"),
       "model.json: weightsManifest[0].weights[0].dtype: found \"float64\", expected float32, int32 or bool, for "
       "weight 'x'"},
      {weight(R"("name":"x","shape":[2],"dtype":"float16")"),
       "model.json: weightsManifest[0].weights[0].dtype: found \"float16\", expected float32, int32 or bool, for "
       "weight 'x'"},
      {weight(R"("name":"x","shape":[8],"dtype":"float32","quantization":{"dtype":"uint4","scale":1,"min":0})"),
       "model.json: weightsManifest[0].weights[0].quantization.dtype: found \"uint4\", expected uint8, uint16 or "
       "float16, for weight 'x'"},
      {weight(R"("name":"x","shape":[8],"dtype":"float32","quantization":{"dtype":"uint8","min":0})"),
       "model.json: weightsManifest[0].weights[0].quantization.scale: found nothing, expected a number"},
      {weight(R"("name":"x","shape":[8],"dtype":"float32","quantization":{"dtype":"uint8","scale":1,"min":"0"})"),
       "model.json: weightsManifest[0].weights[0].quantization.min: found \"0\", expected a number"},
      {weight(R"("name":"x","shape":[8],"dtype":"float32","quantization":7)"),
       "model.json: weightsManifest[0].weights[0].quantization.dtype: found nothing, expected a string"},
      {weight(R"("name":"x","shape":[4],"dtype":"bool","quantization":{"dtype":"float16"})"),
       "model.json: weightsManifest[0].weights[0].dtype: found \"bool\", expected float32 or int32, for quantised "
       "weight 'x'"},
  };
  for (const row& r : rows) {
    CAPTURE(r.manifest);
    CHECK(m.failure(m.open_manifest(r.manifest)) == r.message);
  }
}

TEST_CASE("each way a model.json can be no model has its message") {
  const model_folder m;
  struct row {
    std::string text;
    std::string message;
  };
  const row rows[] = {
      {"", "model.json: the file is empty"},
      {"{", "model.json: not valid JSON at byte 1: Missing a name for object member."},
      {"hello", "model.json: not valid JSON at byte 0: Invalid value."},
      {"{} {}", "model.json: not valid JSON at byte 3: The document root must not be followed by other values."},
      {"[]", "model.json: the document: found an empty array, expected an object"},
      {"{}", "model.json: modelTopology: found nothing, expected an object"},
      {R"({"modelTopology":"x"})", "model.json: modelTopology: found \"x\", expected an object"},
      {R"({"modelTopology":{}})", "model.json: weightsManifest: found nothing, expected an array"},
      {std::string(200000, '['), "model.json: not valid JSON at byte 200000: Invalid value."},
      {std::string(100000, '[') + std::string(100000, ']'),
       "model.json: the document: found [an array], expected an object"},
      {std::string("{}\0 and more", 11), "model.json: not valid JSON at byte 2: a NUL byte"},
      {R"({"a":1e999})", "model.json: not valid JSON at byte 5: Number too big to be stored in double."},
  };
  for (const row& r : rows) {
    CAPTURE(r.text.substr(0, 100));
    CHECK(m.failure(m.open_text(r.text)) == r.message);
  }
  CHECK(m.failure(m.open(m.folder / "none.json")) == "none.json: cannot open: No such file or directory");
  REQUIRE(::unlink((m.folder / "model.json").c_str()) == 0);
  CHECK(m.failure(m.open(m.folder.path())) == "model.json: cannot open: No such file or directory");
}

TEST_CASE("of two members of one name the last counts, as in JavaScript") {
  const model_folder m;
  const auto model = m.open_text(R"({"modelTopology":7,"weightsManifest":[],"modelTopology":{"node":[]}})");
  REQUIRE(model);
  CHECK(model->is_graph());
}

TEST_CASE("a byte order mark in front is no error") {
  const model_folder m;
  CHECK(m.open_text("\xef\xbb\xbf{\"modelTopology\":{},\"weightsManifest\":[]}"));
}

}  // namespace
