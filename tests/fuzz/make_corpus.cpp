// Writes the seeds of the targets packed_model, parse and convert: one small model of each kind that the parsers tell
// apart.
//
//   build/tests/fuzz/make_fuzz_corpus tests/fuzz/corpus
#include <mobilenet/convert.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

using namespace mobilenet;
namespace fs = std::filesystem;

constexpr const char* golden_models = MOBILENET_SOURCE_DIR "/tests/reference/v2/";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void packed(const fs::path& folder, const std::string& name, const std::string& model, const convert_options& options) {
  const conversion made = convert_model(model, options).value();
  std::ofstream(folder / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(made.bytes.data()), static_cast<std::streamsize>(made.bytes.size()));
}

// model.json, a NUL byte and the bytes of its only shard, which the target calls w.bin.
void tfjs(const fs::path& folder, const std::string& name, const fs::path& model) {
  std::string text = read(model / "model.json");
  for (const auto& entry : fs::directory_iterator(model)) {
    const std::string file = entry.path().filename().string();
    if (!file.ends_with(".bin")) continue;
    text.replace(text.find("\"" + file), file.size() + 1, "\"w.bin");
    text += '\0' + read(entry.path());
  }
  std::ofstream(folder / name, std::ios::binary) << text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_fuzz_corpus FOLDER\n", stderr);
    return 2;
  }
  const fs::path corpus = argv[1];
  const std::string golden = golden_models;
  packed(corpus / "packed_model", "shortcut", golden + "keras2_swapped_add", {});
  packed(corpus / "packed_model", "shortcut_float16", golden + "keras2_swapped_add", {.weights = element::f16});
  packed(corpus / "packed_model", "labels", golden + "keras2_batch_of_one", {.labels = "a\nb\nc\nd\ne"});
  packed(corpus / "packed_model", "features", golden + "head_features", {});
  packed(corpus / "packed_model", "values", golden + "head_linear_boxes", {});
  packed(corpus / "packed_model", "max_pool", golden + "head_global_max_pooling", {});
  packed(corpus / "packed_model", "activation", golden + "head_elu", {});
  packed(corpus / "packed_model", "one_channel", golden + "keras2_one_channel",
         {.like = application::teachable_machine});
  for (const char* name : {"keras2_swapped_add", "keras2_add_to_itself", "keras2_add_of_three", "keras2_one_channel",
                           "keras2_uint16", "keras2_float16", "head_elu_layer", "head_prelu", "head_two_outputs",
                           "keras3_head_silu", "graph_add_n", "graph_retrained", "graph_swapped_add"})
    if (fs::exists(golden + name)) tfjs(corpus / "convert", name, golden + name);
}
