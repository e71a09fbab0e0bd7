// The reference back end: plain loops, the executable meaning of every layer and the oracle of the tests.
// Sums are kept in double, so that the other back ends are measured against its answer.
// Activations are NHWC; weights are read where they lie in the packed model.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/detail/half.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <variant>

MOBILENET_NAMESPACE_BEGIN

struct reference {
  static constexpr std::string_view name = "reference";

  struct context {
    static result<context> create(const run_options&) { return context{}; }
  };

  static std::size_t bytes(const tensor_type& t) noexcept { return t.elements() * bytes_per_element(t.type); }

  template <class Layer>
  class op;

 private:
  static constexpr std::size_t width = layers::panel_width;
  using panel_sums = std::array<double, width>;

  // Kernel elements [first, first + 16) of packed weights, whatever they are stored as.
  static std::array<float, width> kernel_panel(const weights& w, std::size_t first) noexcept {
    std::array<float, width> values;
    if (w.type == element::f16) {
      const auto* halves = static_cast<const std::uint16_t*>(w.kernel) + first;
      std::transform(halves, halves + width, values.begin(), detail::half_to_float);
    } else {
      std::copy_n(static_cast<const float*>(w.kernel) + first, width, values.begin());
    }
    return values;
  }

  // Sums start at the bias of the panel's 16 output channels.
  static panel_sums start(const weights& w, std::size_t panel) noexcept {
    panel_sums sums;
    std::copy_n(w.bias + panel * width, width, sums.begin());
    return sums;
  }

  // Writes the panel's channels of one position, without the zero padding past the last channel.
  static void finish(const panel_sums& sums, std::size_t panel, std::size_t channels, const layers::range& activation,
                     float* position) noexcept {
    const std::size_t first = panel * width;
    for (std::size_t j = 0; j < std::min(width, channels - first); ++j)
      position[first + j] = std::clamp(static_cast<float>(sums[j]), activation.low, activation.high);
  }

  static void matrix_vector(const weights& w, std::size_t in_channels, std::size_t out_channels,
                            const layers::range& activation, const float* in, float* out) noexcept {
    for (std::size_t panel = 0; panel < layers::panels(static_cast<std::uint32_t>(out_channels)); ++panel) {
      panel_sums sums = start(w, panel);
      for (std::size_t c = 0; c < in_channels; ++c) {
        const auto kernel = kernel_panel(w, (panel * in_channels + c) * width);
        for (std::size_t j = 0; j < width; ++j) sums[j] += static_cast<double>(in[c]) * static_cast<double>(kernel[j]);
      }
      finish(sums, panel, out_channels, activation, out);
    }
  }

  // Calls visit(element, position) for the elements of the window of one output position that lie inside the input.
  template <class Visit>
  static void for_window(const layers::window& w, const shape& in, std::size_t out_y, std::size_t out_x,
                         Visit visit) noexcept {
    for (std::size_t i = 0; i < w.height; ++i)
      for (std::size_t j = 0; j < w.width; ++j) {
        // Unsigned: positions above or left of the input wrap to huge numbers and fail the comparison too.
        const std::size_t y = out_y * w.stride + i - w.pad.top;
        const std::size_t x = out_x * w.stride + j - w.pad.left;
        if (y < in.height && x < in.width) visit(i * w.width + j, y * in.width + x);
      }
  }

  static double apply(layers::function f, double alpha, double x) noexcept {
    const auto sigmoid = [](double v) { return 1.0 / (1.0 + std::exp(-v)); };
    const auto softplus = [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))); };
    constexpr double selu_scale = 1.0507009873554804934193349852946;
    constexpr double selu_alpha = 1.6732632423543772848170429916717;
    constexpr double sqrt_2_over_pi = 0.79788456080286535587989211986876;
    constexpr double sqrt_half = 0.70710678118654752440084436210485;
    switch (f) {
      case layers::function::sigmoid: return sigmoid(x);
      case layers::function::tanh: return std::tanh(x);
      case layers::function::elu: return x > 0.0 ? x : alpha * std::expm1(x);
      case layers::function::selu: return selu_scale * (x > 0.0 ? x : selu_alpha * std::expm1(x));
      case layers::function::exponential: return std::exp(x);
      case layers::function::softplus: return softplus(x);
      case layers::function::softsign: return x / (1.0 + std::abs(x));
      case layers::function::swish: return x * sigmoid(x);
      case layers::function::gelu: return 0.5 * x * (1.0 + std::erf(x * sqrt_half));
      case layers::function::gelu_tanh: return 0.5 * x * (1.0 + std::tanh(sqrt_2_over_pi * (x + 0.044715 * x * x * x)));
      case layers::function::hard_sigmoid: return std::clamp(alpha * x + 0.5, 0.0, 1.0);
      case layers::function::leaky_relu: return x > 0.0 ? x : alpha * x;
      case layers::function::mish: return x * std::tanh(softplus(x));
    }
    return x;
  }

  // What every operation keeps.
  template <class Layer>
  class prepared {
   public:
    prepared(const Layer& layer, const weights& w) : layer_(layer), weights_(w) {}

   protected:
    Layer layer_;
    weights weights_;
  };
};

template <>
class reference::op<layers::conv2d> : prepared<layers::conv2d> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::conv2d& layer, const weights& w) { return op(layer, w); }
  void run(context&, const operands& io) const noexcept {
    const shape size = layer_.output_shape();
    float* out = io.out<float>();
    for (std::size_t y = 0; y < size.height; ++y)
      for (std::size_t x = 0; x < size.width; ++x, out += size.channels)
        for (std::size_t panel = 0; panel < layers::panels(size.channels); ++panel) {
          const std::size_t first_element = panel * static_cast<std::size_t>(layer_.window.elements());
          panel_sums sums = start(weights_, panel);
          for_window(layer_.window, layer_.in, y, x, [&](std::size_t element, std::size_t position) {
            const std::size_t channels = layer_.in.channels;
            for (std::size_t c = 0; c < channels; ++c) {
              const double value = static_cast<double>(io.in<float>()[position * channels + c]);
              const auto kernel = kernel_panel(weights_, ((first_element + element) * channels + c) * width);
              for (std::size_t j = 0; j < width; ++j) sums[j] += value * static_cast<double>(kernel[j]);
            }
          });
          finish(sums, panel, size.channels, layer_.activation, out);
        }
  }
};

template <>
class reference::op<layers::depthwise_conv2d> : prepared<layers::depthwise_conv2d> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::depthwise_conv2d& layer, const weights& w) { return op(layer, w); }
  void run(context&, const operands& io) const noexcept {
    const shape size = layer_.output_shape();
    float* out = io.out<float>();
    for (std::size_t y = 0; y < size.height; ++y)
      for (std::size_t x = 0; x < size.width; ++x, out += size.channels)
        for (std::size_t panel = 0; panel < layers::panels(size.channels); ++panel) {
          const std::size_t channels = std::min(width, size.channels - panel * width);
          const std::size_t first_element = panel * static_cast<std::size_t>(layer_.window.elements());
          panel_sums sums = start(weights_, panel);
          for_window(layer_.window, layer_.in, y, x, [&](std::size_t element, std::size_t position) {
            const float* values = io.in<float>() + position * layer_.in.channels + panel * width;
            const auto kernel = kernel_panel(weights_, (first_element + element) * width);
            for (std::size_t j = 0; j < channels; ++j)
              sums[j] += static_cast<double>(values[j]) * static_cast<double>(kernel[j]);
          });
          finish(sums, panel, size.channels, layer_.activation, out);
        }
  }
};

template <>
class reference::op<layers::pointwise_conv2d> : prepared<layers::pointwise_conv2d> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::pointwise_conv2d& layer, const weights& w) { return op(layer, w); }
  void run(context&, const operands& io) const noexcept {
    const auto* in = io.in<float>();
    auto* out = io.out<float>();
    for (std::size_t i = 0; i < layer_.in.positions(); ++i, in += layer_.in.channels, out += layer_.out_channels)
      matrix_vector(weights_, layer_.in.channels, layer_.out_channels, layer_.activation, in, out);
  }
};

template <>
class reference::op<layers::dense> : prepared<layers::dense> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::dense& layer, const weights& w) { return op(layer, w); }
  void run(context&, const operands& io) const noexcept {
    matrix_vector(weights_, layer_.in.channels, layer_.out_channels, layer_.activation, io.in<float>(),
                  io.out<float>());
  }
};

template <>
class reference::op<layers::add> : prepared<layers::add> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::add& layer, const weights& w) { return op(layer, w); }
  void run(context&, const operands& io) const noexcept {
    for (std::size_t i = 0; i < layer_.in.elements(); ++i)
      io.out<float>()[i] =
          std::clamp(io.in<float>(0)[i] + io.in<float>(1)[i], layer_.activation.low, layer_.activation.high);
  }
};

template <>
class reference::op<layers::global_average_pool> : prepared<layers::global_average_pool> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::global_average_pool& layer, const weights& w) {
    return op(layer, w);
  }
  void run(context&, const operands& io) const noexcept {
    const std::size_t positions = layer_.in.positions();
    for (std::size_t c = 0; c < layer_.in.channels; ++c) {
      double sum = 0.0;
      for (std::size_t i = 0; i < positions; ++i)
        sum += static_cast<double>(io.in<float>()[i * layer_.in.channels + c]);
      io.out<float>()[c] = static_cast<float>(sum / static_cast<double>(positions));
    }
  }
};

template <>
class reference::op<layers::global_max_pool> : prepared<layers::global_max_pool> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::global_max_pool& layer, const weights& w) { return op(layer, w); }
  void run(context&, const operands& io) const noexcept {
    const std::size_t channels = layer_.in.channels;
    float* out = io.out<float>();
    std::copy_n(io.in<float>(), channels, out);
    for (std::size_t i = 1; i < layer_.in.positions(); ++i)
      for (std::size_t c = 0; c < channels; ++c) out[c] = std::max(out[c], io.in<float>()[i * channels + c]);
  }
};

template <>
class reference::op<layers::softmax> : prepared<layers::softmax> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::softmax& layer, const weights& w) { return op(layer, w); }
  void run(context&, const operands& io) const noexcept {
    const float* in = io.in<float>();
    const std::size_t count = layer_.in.channels;
    const double highest = static_cast<double>(*std::max_element(in, in + count));
    double sum = 0.0;
    for (std::size_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(in[i]) - highest);
    for (std::size_t i = 0; i < count; ++i)
      io.out<float>()[i] = static_cast<float>(std::exp(static_cast<double>(in[i]) - highest) / sum);
  }
};

template <>
class reference::op<layers::activation> : prepared<layers::activation> {
 public:
  using prepared::prepared;
  static result<op> prepare(context&, const layers::activation& layer, const weights& w) { return op(layer, w); }
  void run(context&, const operands& io) const noexcept {
    const double alpha = static_cast<double>(layer_.alpha);
    for (std::size_t i = 0; i < layer_.in.channels; ++i)
      io.out<float>()[i] = static_cast<float>(apply(layer_.function, alpha, static_cast<double>(io.in<float>()[i])));
  }
};

static_assert(backend<reference>);
static_assert([]<class... Layers>(const std::variant<Layers...>*) { return (provides<reference, Layers> && ...); }(
                  static_cast<const layers::any_layer*>(nullptr)),
              "the reference back end computes every kind of layer");

MOBILENET_NAMESPACE_END
