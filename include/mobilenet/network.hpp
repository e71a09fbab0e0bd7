// The chain of prepared layers and the memory between them.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/packed_model.hpp>
#include <mobilenet/tensor.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// A model made ready to run on back end B: every layer prepared, an input tensor, and the two activation
/// buffers that the layers write in turn. Weights stay where the packed model has them unless the back end
/// has to rearrange them, so several networks over one packed_model share its memory; use one network per
/// thread. Move-only.
///
///   auto net = network<reference>::prepare(model).value();
///   preprocess(image, net.input());
///   std::span<const float> output = net.run();
template <backend B>
class network {
 public:
  /// model    must outlive the network: its bytes are used in place
  /// errors   out_of_memory; whatever the back end's prepare() reports, with the layer's name in front
  static result<network> prepare(const packed_model& model, const run_options& options = {}) {
    network made;
    auto context = B::context::create(options);
    if (!context) return std::move(context).error();
    made.context_.reset(new (std::nothrow) typename B::context(*std::move(context)));
    if (!made.context_) return error{errc::out_of_memory, "network: no memory for the back end's context"};

    std::array<std::size_t, 2> needed{};
    made.layers_.reserve(model.layers().size());
    for (const packed_layer& layer : model.layers()) {
      auto prepared = std::visit([&](const auto& params) { return made.prepare_layer(params, layer.weights); },
                                 layer.params);
      if (!prepared)
        return error{prepared.error().code, "layer " + std::string(layer.name()) + ": " + prepared.error().message};
      std::size_t& elements = needed[made.layers_.size() % 2];
      elements = std::max(elements, B::activation_elements(layers::output_shape(layer.params)));
      made.layers_.push_back(*std::move(prepared));
    }

    auto input = tensor::create(model.input_shape());
    if (!input) return std::move(input).error();
    made.input_ = *std::move(input);
    for (std::size_t i = 0; i < 2; ++i) {
      auto activation = tensor::create({1, 1, static_cast<std::uint32_t>(needed[i])});
      if (!activation) return std::move(activation).error();
      made.activations_[i] = *std::move(activation);
    }
    made.output_shape_ = model.output_shape();
    return made;
  }

  /// Where the caller, or preprocess(), writes the input: NHWC float32.
  tensor_view input() noexcept { return input_.view(); }
  shape input_shape() const noexcept { return input_.dimensions(); }
  shape output_shape() const noexcept { return output_shape_; }

  /// Computes all layers on input(). The view stays valid until the next run. Allocates nothing once it has run.
  std::span<const float> run() noexcept {
    const float* in = input_.data();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      float* out = activations_[i % 2].data();
      std::visit([&](auto& layer) { layer.run(*context_, in, out); }, layers_[i]);
      in = out;
    }
    return {in, output_shape_.elements()};
  }

 private:
  using prepared_layer = std::variant<typename B::conv2d, typename B::depthwise_conv2d, typename B::pointwise_conv2d,
                                      typename B::global_average_pool, typename B::dense, typename B::softmax>;

  network() = default;

  template <class Layer, class Params>
  result<prepared_layer> prepare_as(const Params& params, const packed_weights& weights) {
    auto layer = Layer::prepare(*context_, params, weights);
    if (!layer) return std::move(layer).error();
    return prepared_layer(*std::move(layer));
  }
  result<prepared_layer> prepare_layer(const layers::conv2d& p, const packed_weights& w) {
    return prepare_as<typename B::conv2d>(p, w);
  }
  result<prepared_layer> prepare_layer(const layers::depthwise_conv2d& p, const packed_weights& w) {
    return prepare_as<typename B::depthwise_conv2d>(p, w);
  }
  result<prepared_layer> prepare_layer(const layers::pointwise_conv2d& p, const packed_weights& w) {
    return prepare_as<typename B::pointwise_conv2d>(p, w);
  }
  result<prepared_layer> prepare_layer(const layers::global_average_pool& p, const packed_weights& w) {
    return prepare_as<typename B::global_average_pool>(p, w);
  }
  result<prepared_layer> prepare_layer(const layers::dense& p, const packed_weights& w) {
    return prepare_as<typename B::dense>(p, w);
  }
  result<prepared_layer> prepare_layer(const layers::softmax& p, const packed_weights& w) {
    return prepare_as<typename B::softmax>(p, w);
  }

  // Layers refer to the context, so it keeps its address when the network moves, and is destroyed after them.
  std::unique_ptr<typename B::context> context_;
  std::vector<prepared_layer> layers_;
  tensor input_;
  std::array<tensor, 2> activations_;
  shape output_shape_;
};

MOBILENET_NAMESPACE_END
