// The chain of prepared layers and the memory between them.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/model/packed_model.hpp>
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

namespace detail {

template <class B, class LayoutChange>
struct network_step_of {
  using type =
      std::variant<LayoutChange, typename B::conv2d, typename B::depthwise_conv2d, typename B::pointwise_conv2d,
                   typename B::global_average_pool, typename B::dense, typename B::softmax, typename B::sigmoid>;
};
template <has_fused B, class LayoutChange>
struct network_step_of<B, LayoutChange> {
  using type = std::variant<LayoutChange, typename B::conv2d, typename B::depthwise_conv2d,
                            typename B::pointwise_conv2d, typename B::fused, typename B::global_average_pool,
                            typename B::dense, typename B::softmax, typename B::sigmoid>;
};
template <class B, class LayoutChange>
using network_step = typename network_step_of<B, LayoutChange>::type;

}  // namespace detail

/// A model made ready to run on back end B: every layer prepared, an input tensor, and the two activation
/// buffers that the layers write in turn. Weights stay where the packed model has them unless the back end
/// has to rearrange them, so several networks over one packed_model share its memory; use one network per
/// thread. Move-only.
///
///   auto net = network<reference>::prepare(model).value();
///   preprocessor(model.preprocessing())(image, net.input()).value();
///   std::span<const float> output = net.run();
template <backend B>
class network {
 public:
  /// model    must outlive the network: its bytes are used in place
  /// errors   out_of_memory; those of the back end's context::create(); those of its prepare(), with the layer's
  ///          name in front
  static result<network> prepare(const packed_model&& model, const run_options& options = {}) = delete;
  static result<network> prepare(const packed_model& model, const run_options& options = {}) {
    network made;
    auto context = B::context::create(options);
    if (!context) return std::move(context).error();
    made.computed_.context.reset(new (std::nothrow) typename B::context(*std::move(context)));
    if (!made.computed_.context) return error{errc::out_of_memory, "network: no memory for the back end's context"};

    const std::span<const packed_layer> chain = model.layers();
    const auto embedding_layer = model.embedding_layer();
    const std::size_t embedding_end = embedding_layer ? *embedding_layer + 1 : 0;
    for (std::size_t i = 0; i < chain.size();) {
      const shape in = layers::input_shape(chain[i].params);
      if (std::holds_alternative<layers::conv2d>(chain[i].params)) {
        if (i != 0) made.change_layout(in, true);
      } else if (i == 0) {
        made.change_layout(in, false);
      }
      // Nothing is fused across the embedding's layer: its activation is wanted.
      const std::size_t fused = fused_length(chain.subspan(i, (i < embedding_end ? embedding_end : chain.size()) - i));
      const std::size_t count = std::max<std::size_t>(fused, 1);
      auto prepared = fused == 0 ? made.prepare_layer(chain[i]) : made.prepare_fused(chain.subspan(i, fused));
      if (!prepared)
        return error{prepared.error().code, "layer " + std::string(chain[i].name()) + ": " + prepared.error().message};
      i += count;
      made.add_step(*std::move(prepared), B::activation_elements(layers::output_shape(chain[i - 1].params)));
      if (i == chain.size()) made.change_layout(model.output_shape(), true);
      if (i == embedding_end) {
        made.embedding_steps_ = made.computed_.steps.size();
        made.embedding_shape_ = layers::output_shape(chain[i - 1].params);
      }
    }

    auto input = tensor::create(model.input_shape());
    if (!input) return std::move(input).error();
    made.input_ = *std::move(input);
    for (std::size_t i = 0; i < 2; ++i) {
      auto activation = float_buffer::create(made.elements_[i], "activation");
      if (!activation) return std::move(activation).error();
      made.activations_[i] = *std::move(activation);
    }
    made.output_shape_ = model.output_shape();
    return made;
  }

  /// Where the caller, or a preprocessor, writes the input: NHWC float32.
  tensor_view input() noexcept { return input_.view(); }
  shape input_shape() const noexcept { return input_.dimensions(); }
  shape output_shape() const noexcept { return output_shape_; }

  /// Computes all layers on input(). The view stays valid until the next run. Allocates nothing once it has run.
  std::span<const float> run() noexcept { return {run_steps(computed_.steps.size()), output_shape_.elements()}; }

  /// Computes the layers up to packed_model::embedding_layer() on input(), and gives its activation, NHWC; empty
  /// where the model has no such layer. Valid until the next run.
  std::span<const float> run_embedding() noexcept {
    if (embedding_steps_ == 0) return {};
    return {run_steps(embedding_steps_), embedding_shape_.elements()};
  }

 private:
  // Between NHWC and the back end's own layout, where the chain is not the usual one.
  struct layout_change {
    shape dimensions;
    bool to_nhwc;
    void run(typename B::context&, const float* in, float* out) const noexcept {
      if constexpr (has_own_layout<B>) to_nhwc ? B::to_nhwc(dimensions, in, out) : B::from_nhwc(dimensions, in, out);
    }
  };
  using step = detail::network_step<B, layout_change>;

  // Layers may refer to the context: it keeps its address when the network moves, and goes after them, also where
  // another network is assigned.
  struct computation {
    std::unique_ptr<typename B::context> context;
    std::vector<step> steps;

    computation() = default;
    computation(computation&&) noexcept = default;
    computation& operator=(computation&& other) noexcept {
      steps = std::move(other.steps);
      context = std::move(other.context);
      return *this;
    }
    ~computation() = default;
  };

  network() = default;

  // The first `count` steps; where the last of them wrote.
  const float* run_steps(std::size_t count) noexcept {
    const float* in = input_.data();
    for (std::size_t i = 0; i < count; ++i) {
      float* out = activations_[i % 2].data();
      std::visit([&](auto& prepared) { prepared.run(*computed_.context, in, out); }, computed_.steps[i]);
      in = out;
    }
    return in;
  }

  void add_step(step&& s, std::size_t out_elements) {
    std::size_t& elements = elements_[computed_.steps.size() % 2];
    elements = std::max(elements, out_elements);
    computed_.steps.push_back(std::move(s));
  }
  void change_layout(const shape& s, bool to_nhwc) {
    const bool same = s.height == 1 && s.width == 1;  // c contiguous floats in any layout
    if (has_own_layout<B> && !same)
      add_step(layout_change{s, to_nhwc}, to_nhwc ? s.elements() : B::activation_elements(s));
  }

  // How many of the first layers the back end computes in one go; 0 where it wants them one by one.
  static std::size_t fused_length([[maybe_unused]] std::span<const packed_layer> chain) noexcept {
    if constexpr (has_fused<B>)
      return B::fused::length(chain);
    else
      return 0;
  }
  result<step> prepare_fused(std::span<const packed_layer> chain) {
    if constexpr (has_fused<B>)
      return as_step(B::fused::prepare(*computed_.context, chain));
    else
      return prepare_layer(chain[0]);  // fused_length() never asks for this
  }
  result<step> prepare_layer(const packed_layer& layer) {
    return std::visit([&](const auto& params) { return prepare_layer(params, layer.weights); }, layer.params);
  }
  result<step> prepare_layer(const layers::conv2d& p, const packed_weights& w) {
    return as_step(B::conv2d::prepare(*computed_.context, p, w));
  }
  result<step> prepare_layer(const layers::depthwise_conv2d& p, const packed_weights& w) {
    return as_step(B::depthwise_conv2d::prepare(*computed_.context, p, w));
  }
  result<step> prepare_layer(const layers::pointwise_conv2d& p, const packed_weights& w) {
    return as_step(B::pointwise_conv2d::prepare(*computed_.context, p, w));
  }
  result<step> prepare_layer(const layers::global_average_pool& p, const packed_weights& w) {
    return as_step(B::global_average_pool::prepare(*computed_.context, p, w));
  }
  result<step> prepare_layer(const layers::dense& p, const packed_weights& w) {
    return as_step(B::dense::prepare(*computed_.context, p, w));
  }
  result<step> prepare_layer(const layers::softmax& p, const packed_weights& w) {
    return as_step(B::softmax::prepare(*computed_.context, p, w));
  }
  result<step> prepare_layer(const layers::sigmoid& p, const packed_weights& w) {
    return as_step(B::sigmoid::prepare(*computed_.context, p, w));
  }
  template <class Layer>
  static result<step> as_step(result<Layer> layer) {
    if (!layer) return std::move(layer).error();
    return step(*std::move(layer));
  }

  computation computed_;
  tensor input_;
  std::array<std::size_t, 2> elements_{};  // that the steps write into each of the two activations
  std::array<float_buffer, 2> activations_;
  shape output_shape_;
  std::size_t embedding_steps_ = 0;  // the first steps, up to the embedding's layer; 0 where there is none
  shape embedding_shape_;
};

MOBILENET_NAMESPACE_END
