// The ways of writing a MobileNet v1 whose answers TensorFlow.js itself has given: small synthetic models, each
// with a name under which tests/reference/model_variations.json keeps those answers.
#pragma once

#include "synthetic_graph.hpp"
#include "synthetic_model.hpp"

#include <string>
#include <utility>
#include <vector>

namespace mobilenet::test {

inline std::vector<std::pair<std::string, synthetic_model>> model_variations() {
  using keras = synthetic_options;
  using graph = synthetic_graph_options;
  std::vector<std::pair<std::string, synthetic_model>> all;
  // 33 and 32 pixels: SAME padding is symmetric on odd sizes, and not on even ones.
  const auto add_keras = [&](const char* name, auto change) {
    keras o;
    o.resolution = 33;
    o.classes = 5;
    o.blocks = 4;
    o.seed = static_cast<std::uint32_t>(all.size() + 1);
    change(o);
    all.emplace_back(name, make_synthetic_model(o));
  };
  const auto add_graph = [&](const char* name, auto change) {
    graph o;
    o.resolution = 33;
    o.classes = 5;
    o.blocks = 4;
    o.seed = static_cast<std::uint32_t>(all.size() + 1);
    change(o);
    all.emplace_back(name, make_synthetic_graph(o));
  };
  add_keras("keras_functional", [](keras&) {});
  add_keras("keras_even_size", [](keras& o) { o.resolution = 32; });
  add_keras("keras_all_blocks", [](keras& o) {
    o.blocks = 13;
    o.alpha = 0.1;
  });
  add_keras("keras_sequential", [](keras& o) { o.written_as = keras::topology::sequential; });
  add_keras("keras_nested", [](keras& o) { o.written_as = keras::topology::nested; });
  add_keras("keras_without_model_config", [](keras& o) { o.model_config = false; });
  add_keras("keras_biases_and_relu_layers", [](keras& o) {
    o.batch_norm = false;
    o.relu_layer = true;
  });
  add_keras("keras_batch_norm_without_scale", [](keras& o) { o.bn_scale = false; });
  add_keras("keras_batch_norm_without_center", [](keras& o) {
    o.bn_center = false;
    o.bn_epsilon = 0.1;
  });
  add_keras("keras_batch_norm_of_mean_and_variance", [](keras& o) { o.bn_scale = o.bn_center = false; });
  add_keras("keras_dropouts", [](keras& o) { o.dropouts = true; });
  add_keras("keras_zero_padding", [](keras& o) { o.zero_padding = true; });
  add_keras("keras_zero_padding_even_size", [](keras& o) {
    o.zero_padding = true;
    o.resolution = 32;
  });
  add_keras("keras_many_groups_and_shards", [](keras& o) {
    o.group_per_layer = true;
    o.shard_bytes = 1000;
  });
  add_keras("keras_shards_in_a_folder", [](keras& o) { o.shard_folder = "the weights/"; });
  add_keras("keras_uint8", [](keras& o) { o.stored_as = quantisation::uint8; });
  add_keras("keras_uint16", [](keras& o) { o.stored_as = quantisation::uint16; });
  add_keras("keras_float16", [](keras& o) { o.stored_as = quantisation::float16; });
  add_keras("keras_dense_and_softmax_layer", [](keras& o) { o.ends_with = keras::head::dense; });
  add_keras("keras_dense_with_softmax", [](keras& o) { o.ends_with = keras::head::dense_with_softmax; });
  add_keras("keras_two_dense", [](keras& o) { o.ends_with = keras::head::two_dense; });
  add_keras("keras_flatten", [](keras& o) { o.ends_with = keras::head::flatten; });
  add_keras("keras_sigmoid", [](keras& o) { o.ends_with = keras::head::sigmoid; });
  add_keras("keras_sigmoids", [](keras& o) { o.ends_with = keras::head::sigmoids; });
  add_keras("keras_sigmoid_reshape", [](keras& o) { o.ends_with = keras::head::sigmoid_reshape; });
  add_keras("keras_flatten_scores", [](keras& o) { o.ends_with = keras::head::flatten_scores; });
  add_keras("keras_flatten_sigmoid", [](keras& o) { o.ends_with = keras::head::flatten_sigmoid; });
  add_keras("keras_flatten_batch_norm", [](keras& o) { o.ends_with = keras::head::flatten_batch_norm; });
  add_keras("keras_average_pooling", [](keras& o) { o.ends_with = keras::head::average_pooling; });
  add_keras("keras_scores", [](keras& o) { o.ends_with = keras::head::scores; });
  add_keras("keras_pooling", [](keras& o) { o.ends_with = keras::head::pooling; });
  add_keras("keras_truncated", [](keras& o) {
    o.ends_with = keras::head::none;
    o.blocks = 3;
  });
  add_graph("graph_fused", [](graph&) {});
  add_graph("graph_bias_add", [](graph& o) { o.written_as = graph::form::bias_add; });
  add_graph("graph_batch_norm", [](graph& o) { o.written_as = graph::form::batch_norm; });
  add_graph("graph_multiply_add", [](graph& o) { o.written_as = graph::form::multiply_add; });
  add_graph("graph_min_max", [](graph& o) { o.written_as = graph::form::min_max; });
  add_graph("graph_explicit_padding", [](graph& o) { o.pads = graph::padding::explicit_attribute; });
  add_graph("graph_pad", [](graph& o) {
    o.pads = graph::padding::pad;
    o.resolution = 32;
    o.written_as = graph::form::bias_add;
  });
  add_graph("graph_average_pool", [](graph& o) { o.ends_with = graph::head::average_pool_reshape; });
  add_graph("graph_matrix", [](graph& o) { o.ends_with = graph::head::matrix; });
  add_graph("graph_flatten_scores", [](graph& o) {
    o.ends_with = graph::head::flatten;
    o.softmax = false;
  });
  add_graph("graph_clipped", [](graph& o) { o.ends_with = graph::head::clipped; });
  add_graph("graph_scores", [](graph& o) { o.softmax = false; });
  add_graph("graph_uint8", [](graph& o) { o.stored_as = quantisation::uint8; });
  add_graph("graph_identities_and_signature", [](graph& o) { o.identities = o.signature = o.reverse_nodes = true; });
  add_graph("graph_scales_input", [](graph& o) {
    o.scales_input = true;
    o.softmax = false;
  });
  add_keras("keras_batch_norm_flatten_batch_norm",
            [](keras& o) { o.ends_with = keras::head::batch_norm_flatten_batch_norm; });
  add_graph("graph_scales_flattened", [](graph& o) {
    o.ends_with = graph::head::flatten;
    o.scales_flattened = true;
    o.softmax = false;
  });
  add_keras("keras_transfer", [](keras& o) {
    o.written_as = keras::topology::transfer;
    o.ends_with = keras::head::two_dense;
    o.shard_folder = "new weights/";
  });
  add_keras("keras_transfer_functional", [](keras& o) {
    o.written_as = keras::topology::transfer_functional;
    o.ends_with = keras::head::two_dense;
  });
  return all;
}

}  // namespace mobilenet::test
