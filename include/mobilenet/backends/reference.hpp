// The reference back end: plain loops, the executable meaning of every layer and the oracle of the tests.
// Sums are kept in double, so that its answer is the one the other back ends are measured against.
// Activations are NHWC; weights are read where they lie in the packed model.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/detail/half.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

MOBILENET_NAMESPACE_BEGIN

struct reference {
  static constexpr std::string_view name = "reference";

  struct context {
    static result<context> create(const run_options&) { return context{}; }
  };

  static std::size_t activation_elements(const shape& s) noexcept { return s.elements(); }

  class conv2d;
  class depthwise_conv2d;
  class pointwise_conv2d;
  class global_average_pool;
  class dense;
  class softmax;
  class sigmoid;

 private:
  static constexpr std::size_t width = layers::panel_width;
  using panel_sums = std::array<double, width>;

  // Kernel elements [first, first + 16) of packed weights, whatever they are stored as.
  static std::array<float, width> kernel_panel(const packed_weights& weights, std::size_t first) noexcept {
    std::array<float, width> values;
    if (weights.type == weight_type::float16) {
      const auto* halves = static_cast<const std::uint16_t*>(weights.kernel) + first;
      std::transform(halves, halves + width, values.begin(), detail::half_to_float);
    } else {
      std::copy_n(static_cast<const float*>(weights.kernel) + first, width, values.begin());
    }
    return values;
  }

  // Sums start at the bias of the panel's 16 output channels.
  static panel_sums start(const packed_weights& weights, std::size_t panel) noexcept {
    panel_sums sums;
    std::copy_n(weights.bias + panel * width, width, sums.begin());
    return sums;
  }

  // Writes the panel's channels of one position, without the zero padding past the last channel.
  static void finish(const panel_sums& sums, std::size_t panel, std::size_t channels, const layers::clamp& bounds,
                     float* position) noexcept {
    const std::size_t first = panel * width;
    for (std::size_t j = 0; j < std::min(width, channels - first); ++j)
      position[first + j] = std::clamp(static_cast<float>(sums[j]), bounds.low, bounds.high);
  }

  static void matrix_vector(const packed_weights& weights, std::size_t in_channels, std::size_t out_channels,
                            const layers::clamp& bounds, const float* in, float* out) noexcept {
    for (std::size_t panel = 0; panel < layers::panels(static_cast<std::uint32_t>(out_channels)); ++panel) {
      panel_sums sums = start(weights, panel);
      for (std::size_t c = 0; c < in_channels; ++c) {
        const auto kernel = kernel_panel(weights, (panel * in_channels + c) * width);
        for (std::size_t j = 0; j < width; ++j) sums[j] += static_cast<double>(in[c]) * static_cast<double>(kernel[j]);
      }
      finish(sums, panel, out_channels, bounds, out);
    }
  }

  // Calls visit(element, position) for the elements of the window of one output position that lie inside the input.
  template <class Params, class Visit>
  static void for_window(const Params& p, std::size_t out_y, std::size_t out_x, Visit visit) noexcept {
    for (std::size_t i = 0; i < p.kernel_height; ++i)
      for (std::size_t j = 0; j < p.kernel_width; ++j) {
        // Unsigned: positions above or left of the input wrap to huge numbers and fail the comparison too.
        const std::size_t y = out_y * p.stride + i - p.pad.top;
        const std::size_t x = out_x * p.stride + j - p.pad.left;
        if (y < p.in.height && x < p.in.width) visit(i * p.kernel_width + j, y * p.in.width + x);
      }
  }

  template <class Params>
  class prepared {
   public:
    prepared(const Params& params, const packed_weights& weights) : params_(params), weights_(weights) {}

   protected:
    Params params_;
    packed_weights weights_;
  };
};

class reference::conv2d : prepared<layers::conv2d> {
 public:
  using prepared::prepared;
  static result<conv2d> prepare(context&, const layers::conv2d& params, const packed_weights& weights) {
    return conv2d{params, weights};
  }
  void run(context&, const float* in, float* out) const noexcept {
    const auto& p = params_;
    const shape size = p.output_shape();
    const std::size_t window = std::size_t{p.kernel_height} * p.kernel_width;
    for (std::size_t y = 0; y < size.height; ++y)
      for (std::size_t x = 0; x < size.width; ++x, out += size.channels)
        for (std::size_t panel = 0; panel < layers::panels(size.channels); ++panel) {
          panel_sums sums = start(weights_, panel);
          for_window(p, y, x, [&](std::size_t element, std::size_t position) {
            for (std::size_t c = 0; c < p.in.channels; ++c) {
              const double value = in[position * p.in.channels + c];
              const auto kernel = kernel_panel(weights_, ((panel * window + element) * p.in.channels + c) * width);
              for (std::size_t j = 0; j < width; ++j) sums[j] += value * static_cast<double>(kernel[j]);
            }
          });
          finish(sums, panel, size.channels, p.bounds, out);
        }
  }
};

class reference::depthwise_conv2d : prepared<layers::depthwise_conv2d> {
 public:
  using prepared::prepared;
  static result<depthwise_conv2d> prepare(context&, const layers::depthwise_conv2d& params,
                                          const packed_weights& weights) {
    return depthwise_conv2d{params, weights};
  }
  void run(context&, const float* in, float* out) const noexcept {
    const auto& p = params_;
    const shape size = p.output_shape();
    const std::size_t window = std::size_t{p.kernel_height} * p.kernel_width;
    for (std::size_t y = 0; y < size.height; ++y)
      for (std::size_t x = 0; x < size.width; ++x, out += size.channels)
        for (std::size_t panel = 0; panel < layers::panels(size.channels); ++panel) {
          const std::size_t channels = std::min(width, size.channels - panel * width);
          panel_sums sums = start(weights_, panel);
          for_window(p, y, x, [&](std::size_t element, std::size_t position) {
            const float* values = in + position * p.in.channels + panel * width;
            const auto kernel = kernel_panel(weights_, (panel * window + element) * width);
            for (std::size_t j = 0; j < channels; ++j)
              sums[j] += static_cast<double>(values[j]) * static_cast<double>(kernel[j]);
          });
          finish(sums, panel, size.channels, p.bounds, out);
        }
  }
};

class reference::pointwise_conv2d : prepared<layers::pointwise_conv2d> {
 public:
  using prepared::prepared;
  static result<pointwise_conv2d> prepare(context&, const layers::pointwise_conv2d& params,
                                          const packed_weights& weights) {
    return pointwise_conv2d{params, weights};
  }
  void run(context&, const float* in, float* out) const noexcept {
    const std::size_t positions = std::size_t{params_.in.height} * params_.in.width;
    for (std::size_t i = 0; i < positions; ++i, in += params_.in.channels, out += params_.out_channels)
      matrix_vector(weights_, params_.in.channels, params_.out_channels, params_.bounds, in, out);
  }
};

class reference::global_average_pool : prepared<layers::global_average_pool> {
 public:
  using prepared::prepared;
  static result<global_average_pool> prepare(context&, const layers::global_average_pool& params,
                                             const packed_weights& weights) {
    return global_average_pool{params, weights};
  }
  void run(context&, const float* in, float* out) const noexcept {
    const std::size_t positions = std::size_t{params_.in.height} * params_.in.width;
    for (std::size_t c = 0; c < params_.in.channels; ++c) {
      double sum = 0.0;
      for (std::size_t i = 0; i < positions; ++i) sum += static_cast<double>(in[i * params_.in.channels + c]);
      out[c] = static_cast<float>(sum / static_cast<double>(positions));
    }
  }
};

class reference::dense : prepared<layers::dense> {
 public:
  using prepared::prepared;
  static result<dense> prepare(context&, const layers::dense& params, const packed_weights& weights) {
    return dense{params, weights};
  }
  void run(context&, const float* in, float* out) const noexcept {
    matrix_vector(weights_, params_.in.channels, params_.out_channels, params_.bounds, in, out);
  }
};

class reference::softmax : prepared<layers::softmax> {
 public:
  using prepared::prepared;
  static result<softmax> prepare(context&, const layers::softmax& params, const packed_weights& weights) {
    return softmax{params, weights};
  }
  void run(context&, const float* in, float* out) const noexcept {
    const std::size_t count = params_.in.channels;
    const double highest = *std::max_element(in, in + count);
    double sum = 0.0;
    for (std::size_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(in[i]) - highest);
    for (std::size_t i = 0; i < count; ++i)
      out[i] = static_cast<float>(std::exp(static_cast<double>(in[i]) - highest) / sum);
  }
};

class reference::sigmoid : prepared<layers::sigmoid> {
 public:
  using prepared::prepared;
  static result<sigmoid> prepare(context&, const layers::sigmoid& params, const packed_weights& weights) {
    return sigmoid{params, weights};
  }
  void run(context&, const float* in, float* out) const noexcept {
    for (std::size_t i = 0; i < params_.in.channels; ++i)
      out[i] = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(in[i]))));
  }
};

static_assert(backend<reference>);

MOBILENET_NAMESPACE_END
