// The Eigen back end: portable vector code for any processor that Eigen knows, at the width the program is
// compiled for (give the compiler -march=native or the like).
//
// Activations are NHWC. The panels of the packed model are used where they lie: a block of output positions times
// one panel of 16 channels is kept in fixed-size Eigen arrays, which the compiler holds in registers. That measures
// faster than Eigen's own matrix product over weights rearranged at prepare (docs/benchmarks.md), and needs no copy.
// float16 kernels are widened at prepare.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/detail/half.hpp>
#include <mobilenet/platform/threads.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#if !EIGEN_VERSION_AT_LEAST(3, 4, 0)
#error "mobilenet: this Eigen is too old, expected 3.4 or later"
#endif

MOBILENET_NAMESPACE_BEGIN

struct eigen {
  static constexpr std::string_view name = "eigen";

  struct context {
    thread_pool pool;
    static result<context> create(const run_options& options) {
      auto pool = thread_pool::create(options.threads);
      if (!pool) return std::move(pool).error();
      return context{*std::move(pool)};
    }
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
  // Rows of a register tile: 6 x 16 floats leave room for the panel row and a broadcast in 16 AVX registers.
  static constexpr int tile_rows = 6;

  template <int Channels>
  using lanes = Eigen::Array<float, Channels, 1>;
  template <int Channels>
  using const_lanes = Eigen::Map<const lanes<Channels>>;
  using vector = Eigen::Map<Eigen::ArrayXf>;
  using const_vector = Eigen::Map<const Eigen::ArrayXf>;

  // float32 panels: the packed model's own, or a widened copy of float16 ones.
  class float_panels {
   public:
    static result<float_panels> create(const packed_weights& weights, std::uint64_t elements) {
      float_panels panels;
      panels.kernel_ = static_cast<const float*>(weights.kernel);
      panels.bias_ = weights.bias;
      if (weights.type == weight_type::float32) return panels;
      auto copy = float_buffer::create(elements, "float32 copy of a kernel");
      if (!copy) return std::move(copy).error();
      const auto* halves = static_cast<const std::uint16_t*>(weights.kernel);
      std::transform(halves, halves + elements, copy->data(), detail::half_to_float);
      panels.widened_ = *std::move(copy);
      panels.kernel_ = panels.widened_.data();
      return panels;
    }
    const float* kernel() const noexcept { return kernel_; }
    const float* bias(std::size_t panel) const noexcept { return bias_ + panel * width; }

   private:
    const float* kernel_ = nullptr;
    const float* bias_ = nullptr;
    float_buffer widened_;
  };

  template <class Params>
  struct weighted_layer {
    Params params;
    float_panels panels;
  };
  template <class Layer, class Params>
  static result<Layer> prepare_weighted(const Params& params, const packed_weights& weights) {
    auto panels = float_panels::create(weights, params.packed_kernel_elements());
    if (!panels) return std::move(panels).error();
    return Layer{{params, *std::move(panels)}};
  }

  // Rows of input values times a part of one panel.
  struct panel_run {
    const float* in;  // element k of row r at in[r * in_step + k]
    std::size_t in_step;
    const float* panel;  // [count][16]
    std::size_t count;
  };

  // Every loop over the tile's rows must be unrolled completely, or g++ keeps the tile in memory.
  template <int Rows>
  struct tile {
    lanes<width> sums[Rows];

    EIGEN_STRONG_INLINE explicit tile(const float* bias) noexcept {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) sums[r] = const_lanes<width>(bias);
    }
    EIGEN_STRONG_INLINE void add(const panel_run& run) noexcept {
      for (std::size_t k = 0; k < run.count; ++k) {
        const lanes<width> weights = const_lanes<width>(run.panel + k * width);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) sums[r] += weights * run.in[static_cast<std::size_t>(r) * run.in_step + k];
      }
    }
    EIGEN_STRONG_INLINE void store(const layers::clamp& bounds, std::size_t channels, float* out,
                                   std::size_t out_step) noexcept {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const lanes<width> values = sums[r].max(bounds.low).min(bounds.high);
        float* to = out + static_cast<std::size_t>(r) * out_step;
        if (channels >= width)
          Eigen::Map<lanes<width>>{to} = values;
        else
          vector(to, static_cast<Eigen::Index>(channels)) = values.head(static_cast<Eigen::Index>(channels));
      }
    }
  };

  // Calls f(integral_constant<rows>, first row) for tiles that cover `rows`, all of nearly the same height:
  // 49 rows are 4 tiles of 6 and 5 of 5, and none of 1.
  template <class F>
  EIGEN_STRONG_INLINE static void for_each_tile(std::size_t rows, F f) noexcept {
    if (rows == 0) return;
    const std::size_t tiles = (rows + tile_rows - 1) / tile_rows;
    const std::size_t low = rows / tiles;
    const std::size_t taller = rows % tiles;
    std::size_t row = 0;
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t height = low + (t < taller ? 1 : 0);
      switch (height) {
        case 6: f(std::integral_constant<int, 6>{}, row); break;
        case 5: f(std::integral_constant<int, 5>{}, row); break;
        case 4: f(std::integral_constant<int, 4>{}, row); break;
        case 3: f(std::integral_constant<int, 3>{}, row); break;
        case 2: f(std::integral_constant<int, 2>{}, row); break;
        default: f(std::integral_constant<int, 1>{}, row); break;
      }
      row += height;
    }
  }

  static void matrix_product(const float_panels& panels, std::size_t rows, std::size_t in_channels,
                             std::size_t out_channels, const layers::clamp& bounds, const float* in,
                             float* out) noexcept {
    const std::size_t panel_count = layers::panels(static_cast<std::uint32_t>(out_channels));
    for_each_tile(rows, [&](auto height, std::size_t row) {
      for (std::size_t panel = 0; panel < panel_count; ++panel) {
        tile<height> sums(panels.bias(panel));
        sums.add({in + row * in_channels, in_channels, panels.kernel() + panel * in_channels * width, in_channels});
        sums.store(bounds, out_channels - panel * width, out + row * out_channels + panel * width, out_channels);
      }
    });
  }

  // Output columns [first, last) whose windows lie inside the input from left to right.
  struct interior {
    std::size_t first;
    std::size_t last;
  };
  template <class Params>
  static interior interior_columns(const Params& p, std::size_t out_width) noexcept {
    const std::size_t first = std::min(out_width, std::size_t{(p.pad.left + p.stride - 1) / p.stride});
    const std::size_t reach = std::size_t{p.in.width} + p.pad.left;
    const std::size_t last = reach < p.kernel_width ? 0 : (reach - p.kernel_width) / p.stride + 1;
    return {first, std::clamp(last, first, out_width)};
  }

  // The part [begin, end) of a window's extent that lies inside the input, for one output position.
  struct window {
    std::size_t begin;
    std::size_t end;
    std::size_t in;  // input position of `begin`
  };
  static window clip(std::size_t out, std::size_t stride, std::size_t pad, std::size_t kernel,
                     std::size_t size) noexcept {
    const std::size_t start = out * stride;  // in the padded input
    const std::size_t begin = start < pad ? pad - start : 0;
    return {begin, std::min(kernel, size + pad - start), start + begin - pad};
  }
};

class eigen::pointwise_conv2d : weighted_layer<layers::pointwise_conv2d> {
 public:
  explicit pointwise_conv2d(weighted_layer&& layer) : weighted_layer(std::move(layer)) {}
  static result<pointwise_conv2d> prepare(context&, const layers::pointwise_conv2d& p, const packed_weights& w) {
    return prepare_weighted<pointwise_conv2d>(p, w);
  }
  void run(context& context, const float* in, float* out) const noexcept {
    const std::size_t rows = std::size_t{params.in.height} * params.in.width;
    const std::size_t tasks = context.pool.threads() == 1 ? 1 : std::min<std::size_t>(rows, context.pool.threads() * 4);
    context.pool.for_each(tasks, [&](std::size_t task) {
      const std::size_t begin = rows * task / tasks;
      const std::size_t end = rows * (task + 1) / tasks;
      matrix_product(panels, end - begin, params.in.channels, params.out_channels, params.bounds,
                     in + begin * params.in.channels, out + begin * params.out_channels);
    });
  }
};

class eigen::dense : weighted_layer<layers::dense> {
 public:
  explicit dense(weighted_layer&& layer) : weighted_layer(std::move(layer)) {}
  static result<dense> prepare(context&, const layers::dense& p, const packed_weights& w) {
    return prepare_weighted<dense>(p, w);
  }
  void run(context&, const float* in, float* out) const noexcept {
    matrix_product(panels, 1, params.in.channels, params.out_channels, params.bounds, in, out);
  }
};

class eigen::conv2d : weighted_layer<layers::conv2d> {
 public:
  explicit conv2d(weighted_layer&& layer) : weighted_layer(std::move(layer)) {}
  static result<conv2d> prepare(context&, const layers::conv2d& p, const packed_weights& w) {
    return prepare_weighted<conv2d>(p, w);
  }
  void run(context& context, const float* in, float* out) const noexcept {
    const shape size = params.output_shape();
    context.pool.for_each(size.height, [&](std::size_t y) {
      for (std::size_t panel = 0; panel < layers::panels(size.channels); ++panel)
        run_row(in, y, panel, out + y * size.width * size.channels + panel * width);
    });
  }

 private:
  // One panel of one output row. Within a row of the window, columns and channels of the input are contiguous, and
  // so are the panel's: each is one run.
  void run_row(const float* in, std::size_t y, std::size_t panel, float* out) const noexcept {
    const auto& p = params;
    const shape size = p.output_shape();
    const std::size_t channels = size.channels - panel * width;
    const window rows = clip(y, p.stride, p.pad.top, p.kernel_height, p.in.height);
    const float* kernel = panels.kernel() + panel * p.kernel_height * p.kernel_width * p.in.channels * width;
    const auto columns = [&](auto height, std::size_t x) {
      const window across = clip(x, p.stride, p.pad.left, p.kernel_width, p.in.width);
      tile<height> sums(panels.bias(panel));
      for (std::size_t i = rows.begin; i < rows.end; ++i)
        sums.add({in + ((rows.in + i - rows.begin) * p.in.width + across.in) * p.in.channels,
                  std::size_t{p.stride} * p.in.channels,
                  kernel + (i * p.kernel_width + across.begin) * p.in.channels * width,
                  (across.end - across.begin) * p.in.channels});
      sums.store(p.bounds, channels, out + x * size.channels, size.channels);
    };
    const interior inside = interior_columns(p, size.width);
    const std::integral_constant<int, 1> single;
    for (std::size_t x = 0; x < inside.first; ++x) columns(single, x);
    for_each_tile(inside.last - inside.first, [&](auto height, std::size_t x) { columns(height, inside.first + x); });
    for (std::size_t x = inside.last; x < size.width; ++x) columns(single, x);
  }
};

class eigen::depthwise_conv2d : weighted_layer<layers::depthwise_conv2d> {
 public:
  explicit depthwise_conv2d(weighted_layer&& layer) : weighted_layer(std::move(layer)) {}
  static result<depthwise_conv2d> prepare(context&, const layers::depthwise_conv2d& p, const packed_weights& w) {
    return prepare_weighted<depthwise_conv2d>(p, w);
  }
  void run(context& context, const float* in, float* out) const noexcept {
    const std::size_t channels = params.in.channels;
    context.pool.for_each(params.output_shape().height, [&](std::size_t y) {
      std::size_t c = 0;
      for (; c + 16 <= channels; c += 16) run_row<16>(in, y, c, out);
      for (; c + 4 <= channels; c += 4) run_row<4>(in, y, c, out);
      for (; c < channels; ++c) run_row<1>(in, y, c, out);
    });
  }

 private:
  // Channels [c, c + Channels) of one output row.
  template <int Channels>
  void run_row(const float* in, std::size_t y, std::size_t c, float* out) const noexcept {
    const auto& p = params;
    const shape size = p.output_shape();
    const std::size_t channels = size.channels;
    const window rows = clip(y, p.stride, p.pad.top, p.kernel_height, p.in.height);
    const float* bias = panels.bias(0) + c;
    const float* kernel = panels.kernel() + (c / width * p.kernel_height * p.kernel_width) * width + c % width;
    in += rows.in * p.in.width * channels + c;
    out += y * size.width * channels + c;
    const auto columns = [&](auto count, std::size_t x) {
      constexpr int n = decltype(count)::value;
      const window across = clip(x, p.stride, p.pad.left, p.kernel_width, p.in.width);
      lanes<Channels> sums[n];
#pragma GCC unroll 8
      for (int t = 0; t < n; ++t) sums[t] = const_lanes<Channels>(bias);
      for (std::size_t i = rows.begin; i < rows.end; ++i)
        for (std::size_t j = across.begin; j < across.end; ++j) {
          const lanes<Channels> weights = const_lanes<Channels>(kernel + (i * p.kernel_width + j) * width);
          const float* values = in + ((i - rows.begin) * p.in.width + across.in + j - across.begin) * channels;
#pragma GCC unroll 8
          for (int t = 0; t < n; ++t)
            sums[t] += weights * const_lanes<Channels>(values + static_cast<std::size_t>(t) * p.stride * channels);
        }
#pragma GCC unroll 8
      for (int t = 0; t < n; ++t)
        Eigen::Map<lanes<Channels>>(out + (x + static_cast<std::size_t>(t)) * channels) =
            sums[t].max(p.bounds.low).min(p.bounds.high);
    };
    const interior inside = interior_columns(p, size.width);
    const std::integral_constant<int, 1> single;
    for (std::size_t x = 0; x < inside.first; ++x) columns(single, x);
    for_each_tile(inside.last - inside.first, [&](auto count, std::size_t x) { columns(count, inside.first + x); });
    for (std::size_t x = inside.last; x < size.width; ++x) columns(single, x);
  }
};

class eigen::global_average_pool {
 public:
  static result<global_average_pool> prepare(context&, const layers::global_average_pool& p, const packed_weights&) {
    return global_average_pool(p);
  }
  void run(context&, const float* in, float* out) const noexcept {
    const auto channels = static_cast<Eigen::Index>(params_.in.channels);
    const std::size_t positions = std::size_t{params_.in.height} * params_.in.width;
    vector sums(out, channels);
    sums.setZero();
    for (std::size_t i = 0; i < positions; ++i) sums += const_vector(in + i * params_.in.channels, channels);
    sums /= static_cast<float>(positions);
  }

 private:
  explicit global_average_pool(const layers::global_average_pool& p) : params_(p) {}
  layers::global_average_pool params_;
};

class eigen::softmax {
 public:
  static result<softmax> prepare(context&, const layers::softmax& p, const packed_weights&) { return softmax(p); }
  void run(context&, const float* in, float* out) const noexcept {
    const auto count = static_cast<Eigen::Index>(params_.in.channels);
    const const_vector scores(in, count);
    vector probabilities(out, count);
    probabilities = (scores - scores.maxCoeff()).exp();
    probabilities /= probabilities.sum();
  }

 private:
  explicit softmax(const layers::softmax& p) : params_(p) {}
  layers::softmax params_;
};

class eigen::sigmoid {
 public:
  static result<sigmoid> prepare(context&, const layers::sigmoid& p, const packed_weights&) { return sigmoid(p); }
  void run(context&, const float* in, float* out) const noexcept {
    const auto count = static_cast<Eigen::Index>(params_.in.channels);
    vector(out, count) = (1.0f + (-const_vector(in, count)).exp()).inverse();
  }

 private:
  explicit sigmoid(const layers::sigmoid& p) : params_(p) {}
  layers::sigmoid params_;
};

static_assert(backend<eigen>);

MOBILENET_NAMESPACE_END
