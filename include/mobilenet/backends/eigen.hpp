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

  static std::size_t bytes(const tensor_type& t) noexcept { return t.elements() * bytes_per_element(t.type); }

  template <class Layer>
  class op;

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
    static result<float_panels> create(const weights& w, std::uint64_t elements) {
      float_panels panels;
      panels.kernel_ = static_cast<const float*>(w.kernel);
      panels.bias_ = w.bias;
      if (w.type == element::f32) return panels;
      auto copy = buffer::create(elements * sizeof(float), "float32 copy of a kernel");
      if (!copy) return std::move(copy).error();
      const auto* halves = static_cast<const std::uint16_t*>(w.kernel);
      std::transform(halves, halves + elements, copy->as<float>(), detail::half_to_float);
      panels.widened_ = *std::move(copy);
      panels.kernel_ = panels.widened_.as<float>();
      return panels;
    }
    const float* kernel() const noexcept { return kernel_; }
    const float* bias(std::size_t panel) const noexcept { return bias_ + panel * width; }

   private:
    const float* kernel_ = nullptr;
    const float* bias_ = nullptr;
    buffer widened_;
  };

  // What an operation with weights keeps.
  template <class Layer>
  struct weighted {
    Layer layer;
    float_panels panels;
  };
  template <class Op, class Layer>
  static result<Op> prepare_weighted(const Layer& layer, const weights& w) {
    auto panels = float_panels::create(w, layers::packed_kernel_elements(layer));
    if (!panels) return std::move(panels).error();
    return Op(weighted<Layer>{layer, *std::move(panels)});
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
    EIGEN_STRONG_INLINE void store(const layers::range& activation, std::size_t channels, float* out,
                                   std::size_t out_step) noexcept {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const lanes<width> values = sums[r].max(activation.low).min(activation.high);
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
                             std::size_t out_channels, const layers::range& activation, const float* in,
                             float* out) noexcept {
    const std::size_t panel_count = layers::panels(static_cast<std::uint32_t>(out_channels));
    for_each_tile(rows, [&](auto height, std::size_t row) {
      for (std::size_t panel = 0; panel < panel_count; ++panel) {
        tile<height> sums(panels.bias(panel));
        sums.add({in + row * in_channels, in_channels, panels.kernel() + panel * in_channels * width, in_channels});
        sums.store(activation, out_channels - panel * width, out + row * out_channels + panel * width, out_channels);
      }
    });
  }

  // Output columns [first, last) whose windows lie inside the input from left to right.
  struct interior {
    std::size_t first;
    std::size_t last;
  };
  static interior interior_columns(const layers::window& w, std::size_t in_width, std::size_t out_width) noexcept {
    const std::size_t first = std::min(out_width, std::size_t{(w.pad.left + w.stride - 1) / w.stride});
    const std::size_t reach = in_width + w.pad.left;
    const std::size_t last = reach < w.width ? 0 : (reach - w.width) / w.stride + 1;
    return {first, std::clamp(last, first, out_width)};
  }

  // The part [begin, end) of a window's extent that lies inside the input, for one output position.
  struct extent {
    std::size_t begin;
    std::size_t end;
    std::size_t in;  // input position of `begin`
  };
  static extent clip(std::size_t out, std::size_t stride, std::size_t pad, std::size_t kernel,
                     std::size_t size) noexcept {
    const std::size_t start = out * stride;  // in the padded input
    const std::size_t begin = start < pad ? pad - start : 0;
    return {begin, std::min(kernel, size + pad - start), start + begin - pad};
  }
};

template <>
class eigen::op<layers::pointwise_conv2d> : weighted<layers::pointwise_conv2d> {
 public:
  explicit op(weighted&& prepared) : weighted(std::move(prepared)) {}
  static result<op> prepare(context&, const layers::pointwise_conv2d& l, const weights& w) {
    return prepare_weighted<op>(l, w);
  }
  void run(context& context, const operands& io) const noexcept {
    const std::size_t rows = layer.in.positions();
    const std::size_t tasks = context.pool.threads() == 1 ? 1 : std::min<std::size_t>(rows, context.pool.threads() * 4);
    context.pool.for_each(tasks, [&](std::size_t task) {
      const std::size_t begin = rows * task / tasks;
      const std::size_t end = rows * (task + 1) / tasks;
      matrix_product(panels, end - begin, layer.in.channels, layer.out_channels, layer.activation,
                     io.in<float>() + begin * layer.in.channels, io.out<float>() + begin * layer.out_channels);
    });
  }
};

template <>
class eigen::op<layers::dense> : weighted<layers::dense> {
 public:
  explicit op(weighted&& prepared) : weighted(std::move(prepared)) {}
  static result<op> prepare(context&, const layers::dense& l, const weights& w) { return prepare_weighted<op>(l, w); }
  void run(context&, const operands& io) const noexcept {
    matrix_product(panels, 1, layer.in.channels, layer.out_channels, layer.activation, io.in<float>(), io.out<float>());
  }
};

template <>
class eigen::op<layers::conv2d> : weighted<layers::conv2d> {
 public:
  explicit op(weighted&& prepared) : weighted(std::move(prepared)) {}
  static result<op> prepare(context&, const layers::conv2d& l, const weights& w) { return prepare_weighted<op>(l, w); }
  void run(context& context, const operands& io) const noexcept {
    const shape size = layer.output_shape();
    context.pool.for_each(size.height, [&](std::size_t y) {
      for (std::size_t panel = 0; panel < layers::panels(size.channels); ++panel)
        run_row(io.in<float>(), y, panel, io.out<float>() + y * size.width * size.channels + panel * width);
    });
  }

 private:
  // One panel of one output row. Within a row of the window, columns and channels of the input are contiguous, and
  // so are the panel's: each is one run.
  void run_row(const float* in, std::size_t y, std::size_t panel, float* out) const noexcept {
    const layers::window& w = layer.window;
    const shape size = layer.output_shape();
    const std::size_t in_channels = layer.in.channels;
    const std::size_t channels = size.channels - panel * width;
    const extent rows = clip(y, w.stride, w.pad.top, w.height, layer.in.height);
    const float* kernel = panels.kernel() + panel * w.height * w.width * in_channels * width;
    const auto columns = [&](auto height, std::size_t x) {
      const extent across = clip(x, w.stride, w.pad.left, w.width, layer.in.width);
      tile<height> sums(panels.bias(panel));
      for (std::size_t i = rows.begin; i < rows.end; ++i)
        sums.add({in + ((rows.in + i - rows.begin) * layer.in.width + across.in) * in_channels,
                  std::size_t{w.stride} * in_channels, kernel + (i * w.width + across.begin) * in_channels * width,
                  (across.end - across.begin) * in_channels});
      sums.store(layer.activation, channels, out + x * size.channels, size.channels);
    };
    const interior inside = interior_columns(w, layer.in.width, size.width);
    const std::integral_constant<int, 1> single;
    for (std::size_t x = 0; x < inside.first; ++x) columns(single, x);
    for_each_tile(inside.last - inside.first, [&](auto height, std::size_t x) { columns(height, inside.first + x); });
    for (std::size_t x = inside.last; x < size.width; ++x) columns(single, x);
  }
};

template <>
class eigen::op<layers::depthwise_conv2d> : weighted<layers::depthwise_conv2d> {
 public:
  explicit op(weighted&& prepared) : weighted(std::move(prepared)) {}
  static result<op> prepare(context&, const layers::depthwise_conv2d& l, const weights& w) {
    return prepare_weighted<op>(l, w);
  }
  void run(context& context, const operands& io) const noexcept {
    const std::size_t channels = layer.in.channels;
    context.pool.for_each(layer.output_shape().height, [&](std::size_t y) {
      std::size_t c = 0;
      for (; c + 16 <= channels; c += 16) run_row<16>(io.in<float>(), y, c, io.out<float>());
      for (; c + 4 <= channels; c += 4) run_row<4>(io.in<float>(), y, c, io.out<float>());
      for (; c < channels; ++c) run_row<1>(io.in<float>(), y, c, io.out<float>());
    });
  }

 private:
  // Channels [c, c + Channels) of one output row.
  template <int Channels>
  void run_row(const float* in, std::size_t y, std::size_t c, float* out) const noexcept {
    const layers::window& w = layer.window;
    const shape size = layer.output_shape();
    const std::size_t channels = size.channels;
    const extent rows = clip(y, w.stride, w.pad.top, w.height, layer.in.height);
    const float* bias = panels.bias(0) + c;
    const float* kernel = panels.kernel() + (c / width * w.height * w.width) * width + c % width;
    in += rows.in * layer.in.width * channels + c;
    out += y * size.width * channels + c;
    const auto columns = [&](auto count, std::size_t x) {
      constexpr int n = decltype(count)::value;
      const extent across = clip(x, w.stride, w.pad.left, w.width, layer.in.width);
      lanes<Channels> sums[n];
#pragma GCC unroll 8
      for (int t = 0; t < n; ++t) sums[t] = const_lanes<Channels>(bias);
      for (std::size_t i = rows.begin; i < rows.end; ++i)
        for (std::size_t j = across.begin; j < across.end; ++j) {
          const lanes<Channels> weight = const_lanes<Channels>(kernel + (i * w.width + j) * width);
          const float* values = in + ((i - rows.begin) * layer.in.width + across.in + j - across.begin) * channels;
#pragma GCC unroll 8
          for (int t = 0; t < n; ++t)
            sums[t] += weight * const_lanes<Channels>(values + static_cast<std::size_t>(t) * w.stride * channels);
        }
#pragma GCC unroll 8
      for (int t = 0; t < n; ++t)
        Eigen::Map<lanes<Channels>>(out + (x + static_cast<std::size_t>(t)) * channels) =
            sums[t].max(layer.activation.low).min(layer.activation.high);
    };
    const interior inside = interior_columns(w, layer.in.width, size.width);
    const std::integral_constant<int, 1> single;
    for (std::size_t x = 0; x < inside.first; ++x) columns(single, x);
    for_each_tile(inside.last - inside.first, [&](auto count, std::size_t x) { columns(count, inside.first + x); });
    for (std::size_t x = inside.last; x < size.width; ++x) columns(single, x);
  }
};

template <>
class eigen::op<layers::add> {
 public:
  static result<op> prepare(context&, const layers::add& layer, const weights&) { return op(layer); }
  void run(context&, const operands& io) const noexcept {
    const auto count = static_cast<Eigen::Index>(layer_.in.elements());
    vector(io.out<float>(), count) = (const_vector(io.in<float>(0), count) + const_vector(io.in<float>(1), count))
                                         .max(layer_.activation.low)
                                         .min(layer_.activation.high);
  }

 private:
  explicit op(const layers::add& layer) : layer_(layer) {}
  layers::add layer_;
};

template <>
class eigen::op<layers::global_average_pool> {
 public:
  static result<op> prepare(context&, const layers::global_average_pool& layer, const weights&) { return op(layer); }
  void run(context&, const operands& io) const noexcept {
    const auto channels = static_cast<Eigen::Index>(layer_.in.channels);
    const std::size_t positions = layer_.in.positions();
    vector sums(io.out<float>(), channels);
    sums.setZero();
    for (std::size_t i = 0; i < positions; ++i) sums += const_vector(io.in<float>() + i * layer_.in.channels, channels);
    sums /= static_cast<float>(positions);
  }

 private:
  explicit op(const layers::global_average_pool& layer) : layer_(layer) {}
  layers::global_average_pool layer_;
};

template <>
class eigen::op<layers::softmax> {
 public:
  static result<op> prepare(context&, const layers::softmax& layer, const weights&) { return op(layer); }
  void run(context&, const operands& io) const noexcept {
    const auto count = static_cast<Eigen::Index>(layer_.in.channels);
    const const_vector scores(io.in<float>(), count);
    vector probabilities(io.out<float>(), count);
    probabilities = (scores - scores.maxCoeff()).exp();
    probabilities /= probabilities.sum();
  }

 private:
  explicit op(const layers::softmax& layer) : layer_(layer) {}
  layers::softmax layer_;
};

static_assert(backend<eigen>);

MOBILENET_NAMESPACE_END
