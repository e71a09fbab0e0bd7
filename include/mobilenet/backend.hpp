// What a back end must provide. A back end is a type: classifier<reference>, classifier<simd>.
//
// A back end has a context (threads, scratch: whatever its layers share, one per network) and one class
// for each kind of layer. prepare() is where everything can fail or allocate; run() never fails and never
// allocates once it has run. Between layers a back end keeps activations in a layout of its own, but the
// first layer reads NHWC, and an activation of one position (1x1xc) is always c contiguous floats.
//
//   struct my_backend {
//     static constexpr std::string_view name = "mine";
//     struct context { static result<context> create(const run_options&); };
//     static std::size_t activation_elements(const shape&);             // floats its layout needs
//     struct conv2d {
//       static result<conv2d> prepare(context&, const layers::conv2d&, const packed_weights&);
//       void run(context&, const float* in, float* out) noexcept;       // in float_buffers
//     };
//     ...  depthwise_conv2d, pointwise_conv2d, global_average_pool, dense, softmax, sigmoid likewise
//   };
//
// conv2d reads NHWC; all other layers read and write the back end's own layout, and conv2d writes it. A back end whose
// layout is not NHWC says how activations get into it and out of it, for a network's last layer and for networks that
// do not begin with their only conv2d:
//
//     static void to_nhwc(const shape&, const float* in, float* out) noexcept;
//     static void from_nhwc(const shape&, const float* in, float* out) noexcept;
//
// A back end may offer one more class, for a run of layers that it computes in one go:
//
//     struct fused {
//       static std::size_t length(std::span<const packed_layer>) noexcept;   // how many of the first layers; 0: none
//       static result<fused> prepare(context&, std::span<const packed_layer>);   // so many
//       void run(context&, const float* in, float* out) noexcept;
//     };
#pragma once

#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/tensor.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

MOBILENET_NAMESPACE_BEGIN

/// How a network is to be computed.
struct run_options {
  unsigned threads = 1;  ///< 0 asks for usable_processors()
};

// Version 14 takes the braces and noexcept of a concept apart.
// clang-format off
/// One kind of layer of a back end: prepared from its meaning and its packed weights, then run.
template <class Layer, class Params, class Context>
concept prepared_layer = std::movable<Layer> && requires(Context& context, Layer& layer, const Params& params,
                                                         const packed_weights& weights, const float* in, float* out) {
  { Layer::prepare(context, params, weights) } -> std::same_as<result<Layer>>;
  { layer.run(context, in, out) } noexcept -> std::same_as<void>;
};

/// The back end computes runs of layers in one go.
template <class B>
concept has_fused = requires { typename B::fused; };
template <class B>
concept fused_layers = requires(typename B::context& context, typename B::fused& layers,
                                std::span<const packed_layer> chain, const float* in, float* out) {
  { B::fused::length(chain) } noexcept -> std::same_as<std::size_t>;
  { B::fused::prepare(context, chain) } -> std::same_as<result<typename B::fused>>;
  { layers.run(context, in, out) } noexcept -> std::same_as<void>;
};

/// The back end's layout between layers is not NHWC.
template <class B>
concept has_own_layout =
    requires(const shape& s, const float* in, float* out) { B::to_nhwc(s, in, out); } ||
    requires(const shape& s, const float* in, float* out) { B::from_nhwc(s, in, out); };
template <class B>
concept layout_changes = requires(const shape& s, const float* in, float* out) {
  { B::to_nhwc(s, in, out) } noexcept -> std::same_as<void>;
  { B::from_nhwc(s, in, out) } noexcept -> std::same_as<void>;
};

template <class B>
concept backend =
    requires(const run_options& options, const shape& s) {
      { B::name } -> std::convertible_to<std::string_view>;
      { B::context::create(options) } -> std::same_as<result<typename B::context>>;
      { B::activation_elements(s) } -> std::same_as<std::size_t>;
    } &&
    (!has_own_layout<B> || layout_changes<B>) && (!has_fused<B> || fused_layers<B>) &&
    prepared_layer<typename B::conv2d, layers::conv2d, typename B::context> &&
    prepared_layer<typename B::depthwise_conv2d, layers::depthwise_conv2d, typename B::context> &&
    prepared_layer<typename B::pointwise_conv2d, layers::pointwise_conv2d, typename B::context> &&
    prepared_layer<typename B::global_average_pool, layers::global_average_pool, typename B::context> &&
    prepared_layer<typename B::dense, layers::dense, typename B::context> &&
    prepared_layer<typename B::softmax, layers::softmax, typename B::context> &&
    prepared_layer<typename B::sigmoid, layers::sigmoid, typename B::context>;
// clang-format on

MOBILENET_NAMESPACE_END
