// The list of layer kinds, and what can be said of any layer.
#pragma once

#include <mobilenet/layers/activation.hpp>
#include <mobilenet/layers/add.hpp>
#include <mobilenet/layers/conv2d.hpp>
#include <mobilenet/layers/dense.hpp>
#include <mobilenet/layers/depthwise_conv2d.hpp>
#include <mobilenet/layers/global_average_pool.hpp>
#include <mobilenet/layers/global_max_pool.hpp>
#include <mobilenet/layers/pointwise_conv2d.hpp>
#include <mobilenet/layers/softmax.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// Any layer of a network. This is the one list of layer kinds: the packed format numbers them in this order, from 1,
/// and everything that handles every kind derives from it. (The concept in backend.hpp spells the list out again,
/// because its error messages are clearer so; a static_assert there compares the two.)
using any_layer = std::variant<conv2d, depthwise_conv2d, pointwise_conv2d, global_average_pool, dense, softmax,
                               activation, add, global_max_pool>;
inline constexpr std::size_t kinds = std::variant_size_v<any_layer>;

/// A kind of layer that has a kernel and a bias.
template <class Layer>
concept weighted = requires(const Layer& layer) {
  layer.kernel_rows();
};

/// A kind of layer that moves a window over its input.
template <class Layer>
concept windowed = requires(const Layer& layer) {
  layer.window;
};

/// A kind of layer that clamps its output.
template <class Layer>
concept ranged = requires(const Layer& layer) {
  layer.activation.low;
};

/// A kind of layer that reads a vector, 1x1xc.
template <class Layer>
inline constexpr bool vector_only =
    std::same_as<Layer, dense> || std::same_as<Layer, softmax> || std::same_as<Layer, activation>;

/// "depthwise_conv2d" and so on.
inline std::string_view kind_name(const any_layer& any) {
  return std::visit([](const auto& layer) { return layer.name; }, any);
}
/// Number of inputs: 1 or 2.
inline std::size_t input_count(const any_layer& any) {
  return std::visit([](const auto& layer) { return layer.inputs; }, any);
}
/// Type of the first input.
inline tensor_type input_type(const any_layer& any) {
  return std::visit([](const auto& layer) { return layer.in; }, any);
}
inline tensor_type output_type(const any_layer& any) {
  return std::visit([](const auto& layer) { return tensor_type(layer.output_shape(), layer.out); }, any);
}

/// Elements of a packed kernel: panels of 16 output channels; 0 for a layer without weights.
template <class Layer>
constexpr std::uint64_t packed_kernel_elements(const Layer& layer) noexcept {
  if constexpr (weighted<Layer>)
    return layer.kernel_rows() * panels(layer.output_shape().channels) * panel_width;
  else
    return 0;
}
/// Elements of a packed bias; 0 for a layer without weights.
template <class Layer>
constexpr std::uint64_t packed_bias_elements(const Layer& layer) noexcept {
  return weighted<Layer> ? std::uint64_t{panels(layer.output_shape().channels)} * panel_width : 0;
}
inline std::uint64_t packed_kernel_elements(const any_layer& any) {
  return std::visit([](const auto& layer) { return packed_kernel_elements(layer); }, any);
}
inline std::uint64_t packed_bias_elements(const any_layer& any) {
  return std::visit([](const auto& layer) { return packed_bias_elements(layer); }, any);
}

/// Numbers in kernel and bias, without the padding of panels.
inline std::uint64_t parameters(const any_layer& any) {
  return std::visit(
      [](const auto& layer) -> std::uint64_t {
        if constexpr (weighted<std::remove_cvref_t<decltype(layer)>>)
          return (layer.kernel_rows() + 1) * layer.output_shape().channels;
        else
          return 0;
      },
      any);
}
/// Multiply-adds of the kernel; 0 for a layer without weights.
inline std::uint64_t multiply_adds(const any_layer& any) {
  return std::visit(
      [](const auto& layer) -> std::uint64_t {
        if constexpr (weighted<std::remove_cvref_t<decltype(layer)>>)
          return layer.multiply_adds();
        else
          return 0;
      },
      any);
}
/// Multiply-adds, and the values that a layer reads. Below 2^62 for the dimensions that parse() accepts.
inline std::uint64_t work(const any_layer& any) {
  return multiply_adds(any) + input_type(any).volume() * input_count(any);
}

}  // namespace layers
MOBILENET_NAMESPACE_END
