#pragma once

#include <mobilenet/layers/geometry.hpp>

#include <array>

MOBILENET_NAMESPACE_BEGIN
namespace layers {

/// The functions of an activation layer. The values are those of the packed format.
enum class function : std::uint32_t {
  sigmoid = 0,        ///< 1 / (1 + exp(-x))
  tanh = 1,           ///< tanh(x)
  elu = 2,            ///< x if x > 0, else alpha * (exp(x) - 1)
  selu = 3,           ///< 1.0507... * elu(x), with alpha = 1.6732...
  exponential = 4,    ///< exp(x)
  softplus = 5,       ///< log(1 + exp(x))
  softsign = 6,       ///< x / (1 + |x|)
  swish = 7,          ///< x * sigmoid(x); also called silu
  gelu = 8,           ///< x * (1 + erf(x / sqrt(2))) / 2
  gelu_tanh = 9,      ///< x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2
  hard_sigmoid = 10,  ///< clamp(alpha * x + 0.5, 0, 1): alpha is 0.2, in Keras 3 1/6
  leaky_relu = 11,    ///< x if x > 0, else alpha * x
  mish = 12,          ///< x * tanh(softplus(x))
};
inline constexpr std::uint32_t function_count = 13;

/// "hard_sigmoid".
constexpr std::string_view to_string(function f) noexcept {
  constexpr std::array<std::string_view, function_count> names{
      "sigmoid", "tanh", "elu",       "selu",         "exponential", "softplus", "softsign",
      "swish",   "gelu", "gelu_tanh", "hard_sigmoid", "leaky_relu",  "mish"};
  return names[static_cast<std::size_t>(f)];
}

/// A function applied to every element of a vector: the heads of retrained models, and the sigmoid of classes that do
/// not exclude each other.
///
///   out[c] = f(in[c])
///
/// in       [1, 1, c]       float32, 16 readable bytes past the end
/// out      [1, 1, c]
/// errors   prepare: out_of_memory, backend_failure.   run: none
/// cost     c evaluations of f
/// source   tfjs-layers 4.22, activations.ts
struct activation {
  static constexpr std::string_view name = "activation";
  static constexpr std::size_t inputs = 1;

  tensor_type in;  ///< 1x1xc
  layers::function function = layers::function::sigmoid;
  float alpha = 0.0f;  ///< of elu, hard_sigmoid and leaky_relu
  encoding out = {};

  constexpr shape output_shape() const noexcept { return in; }
  friend constexpr bool operator==(const activation&, const activation&) = default;
};

}  // namespace layers
MOBILENET_NAMESPACE_END
