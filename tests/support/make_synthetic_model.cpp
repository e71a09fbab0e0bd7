// Writes a synthetic MobileNet in TensorFlow.js form to a folder: for benchmarks, and to try things out.
#include "model_variations.hpp"
#include "synthetic_model.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <map>
#include <string>

int main(int argc, char** argv) {
  using mobilenet::test::synthetic_options;
  CLI::App app("Write a MobileNet with random weights in TensorFlow.js form.");
  std::string folder;
  synthetic_options options;
  app.add_option("folder", folder, "where model.json and the shards go")->required();
  app.add_option("--version", options.version, "1, or 2 with Keras's layers and head")
      ->capture_default_str()
      ->check(CLI::Range(1, 2));
  app.add_option("--alpha", options.alpha, "width multiplier")->capture_default_str();
  app.add_option("--resolution", options.resolution, "height and width of the input")->capture_default_str();
  app.add_option("--classes", options.classes, "number of outputs")->capture_default_str();
  app.add_option("--blocks", options.blocks, "blocks from the front")->capture_default_str();
  app.add_option("--seed", options.seed, "of the random weights")->capture_default_str();
  app.add_option("--shard-bytes", options.shard_bytes, "length of a shard at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("!--bias", options.batch_norm, "biases instead of batch normalisation");
  app.add_flag("--zero-padding", options.zero_padding, "stride 2 as ZeroPadding2D and valid");
  app.add_flag("--relu-layer", options.relu_layer, "ReLU layers instead of Activation relu6");
  app.add_flag("--group-per-layer", options.group_per_layer, "a group of shards for each layer");
  const std::map<std::string, synthetic_options::topology> topologies{
      {"functional", synthetic_options::topology::functional},
      {"sequential", synthetic_options::topology::sequential},
      {"nested", synthetic_options::topology::nested},
      {"keras3", synthetic_options::topology::keras3}};
  app.add_option("--topology", options.written_as, "how the layers are written")
      ->transform(CLI::CheckedTransformer(topologies));
  bool variations = false;
  app.add_flag("--variations", variations, "all models of tests/support/model_variations.hpp, a folder for each");
  CLI11_PARSE(app, argc, argv);
  if (options.version == 2) options.ends_with = synthetic_options::head::dense_with_softmax;
  try {
    if (variations) {
      for (const auto& [name, model] : mobilenet::test::model_variations()) model.write_to(folder + "/" + name);
      return 0;
    }
    mobilenet::test::make_synthetic_model(options).write_to(folder);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
