// The simd back end: kernels of our own, computing straight from the mapped weights.
//
// Google Highway, headers only. The kernels are compiled for several instruction sets, and the best one that
// the processor has is chosen when a context is created; the environment variable MOBILENET_SIMD overrides
// that, for tests: sse2, sse4, avx2, avx512, neon. Programs need no -m flags.
//
// Between layers, activations are blocks of 16 channels: [ceil(c/16)][h][w][16], and [1][h][w][8] where there
// are at most 8 channels. Lanes past the last channel are written, but mean nothing. docs/kernels.md says why.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/backends/simd/kernels.hpp>
#include <mobilenet/tensor.hpp>
#include <mobilenet/thread_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

struct simd {
  static constexpr std::string_view name = "simd";

  class context;
  class conv2d;
  class depthwise_conv2d;
  class pointwise_conv2d;
  class depthwise_separable;
  class global_average_pool;
  class dense;
  class softmax;

  /// The best target that was compiled and that this processor has.
  static simd_target best_target() noexcept {
    for (std::size_t i = simd_targets; i-- > 1;)
      if (usable(static_cast<simd_target>(i))) return static_cast<simd_target>(i);
    return simd_target::baseline;
  }
  /// Whether a target was compiled, and this processor has it.
  static bool usable(simd_target target) noexcept {
    return simd_kernels::compiled(target) != nullptr && processor_has(target);
  }

  static std::size_t activation_elements(const shape& s) noexcept {
    const std::size_t width = simd_kernels::block_width(s.channels);
    // A panel of 16 is written whole even where one position has 8 lanes.
    return std::max<std::size_t>(16, blocks(s.channels) * s.height * s.width * width);
  }
  static void to_nhwc(const shape& s, const float* in, float* out) noexcept {
    for_each_element(s, [&](std::size_t blocked, std::size_t nhwc) { out[nhwc] = in[blocked]; });
  }
  static void from_nhwc(const shape& s, const float* in, float* out) noexcept {
    std::fill_n(out, activation_elements(s), 0.0f);
    for_each_element(s, [&](std::size_t blocked, std::size_t nhwc) { out[blocked] = in[nhwc]; });
  }

 private:
  static std::size_t blocks(std::size_t channels) noexcept { return (channels + 15) / 16; }

  template <class F>
  static void for_each_element(const shape& s, F f) noexcept {
    const std::size_t width = simd_kernels::block_width(s.channels);
    const std::size_t positions = std::size_t{s.height} * s.width;
    for (std::size_t c = 0; c < s.channels; ++c)
      for (std::size_t i = 0; i < positions; ++i)
        f((c / width * positions + i) * width + c % width, i * s.channels + c);
  }
  static simd_kernels::weights view(const packed_weights& w) noexcept {
    return {w.kernel, w.type == weight_type::float16, w.bias};
  }
  static simd_kernels::bounds view(const layers::clamp& c) noexcept { return {c.low, c.high}; }

  // Part `i` of `parts` nearly equal ranges that cover [0, count).
  static std::pair<std::size_t, std::size_t> part(std::size_t count, std::size_t parts, std::size_t i) noexcept {
    return {count * i / parts, count * (i + 1) / parts};
  }
};

/// The chosen kernels, the threads, and their scratch memory.
class simd::context {
 public:
  /// Chooses the best target, or the one that MOBILENET_SIMD names.
  /// errors   invalid_argument: MOBILENET_SIMD names no target; unsupported: one that this processor lacks or that
  ///          was not compiled; out_of_memory: threads
  static result<context> create(const run_options& options) {
    const char* wanted = std::getenv("MOBILENET_SIMD");
    if (wanted == nullptr || *wanted == '\0') return create(options, best_target());
    std::string known;
    for (std::size_t i = 0; i < simd_targets; ++i) {
      const auto target = static_cast<simd_target>(i);
      if (to_string(target) == wanted) return create(options, target);
      known += (i == 0 ? "" : ", ") + std::string(to_string(target));
    }
    return error{errc::invalid_argument, "MOBILENET_SIMD is \"" + std::string(wanted) + "\", expected one of " + known};
  }
  /// errors   unsupported, out_of_memory, as above
  static result<context> create(const run_options& options, simd_target target) {
    if (!usable(target))
      return error{errc::unsupported, "instruction set " + std::string(to_string(target)) +
                                          (simd_kernels::compiled(target) == nullptr
                                               ? " was not compiled into this program"
                                               : " is not one that this processor has") +
                                          "; the best usable one is " + std::string(to_string(best_target()))};
    auto pool = thread_pool::create(options.threads);
    if (!pool) return std::move(pool).error();
    return context(*simd_kernels::compiled(target), *std::move(pool));
  }

  simd_target target() const noexcept { return kernels_->target; }
  const simd_kernels::table& kernels() const noexcept { return *kernels_; }
  thread_pool& pool() noexcept { return pool_; }

  /// Makes sure that every thread has scratch memory for so many floats. Called by layers' prepare() only.
  /// errors   out_of_memory
  result<void> reserve(std::size_t elements) {
    if (elements <= scratch_elements_) return {};
    elements = (elements + 15) / 16 * 16;
    auto memory = tensor::create({pool_.threads(), 1, static_cast<std::uint32_t>(elements)});
    if (!memory) return std::move(memory).error();
    scratch_ = *std::move(memory);
    scratch_elements_ = elements;
    return {};
  }
  float* scratch(unsigned worker) noexcept { return scratch_.data() + worker * scratch_elements_; }

 private:
  context(const simd_kernels::table& kernels, thread_pool&& pool) : kernels_(&kernels), pool_(std::move(pool)) {}

  const simd_kernels::table* kernels_;
  thread_pool pool_;
  tensor scratch_;
  std::size_t scratch_elements_ = 0;
};

class simd::conv2d {
 public:
  static result<conv2d> prepare(context&, const layers::conv2d& params, const packed_weights& weights) {
    return conv2d(params, weights);
  }
  void run(context& c, const float* in, float* out) const noexcept {
    const auto& p = params_;
    const shape size = p.output_shape();
    const std::size_t items = c.pool().threads() == 1 ? 1 : std::min<std::size_t>(size.height, c.pool().threads() * 4);
    c.pool().for_each(items, [&](std::size_t i) {
      const auto [first, end] = part(size.height, items, i);
      c.kernels().convolution({in, p.in.height, p.in.width, p.in.channels, p.kernel_height, p.kernel_width, p.stride,
                               p.pad.top, p.pad.left, view(weights_), out, size.height, size.width, size.channels,
                               first, end, view(p.bounds)});
    });
  }

 private:
  conv2d(const layers::conv2d& params, const packed_weights& weights) : params_(params), weights_(weights) {}
  layers::conv2d params_;
  packed_weights weights_;
};

class simd::depthwise_conv2d {
 public:
  static result<depthwise_conv2d> prepare(context&, const layers::depthwise_conv2d& params,
                                          const packed_weights& weights) {
    return depthwise_conv2d(params, weights);
  }
  void run(context& c, const float* in, float* out) const noexcept {
    const shape size = params_.output_shape();
    const std::size_t row = std::size_t{size.width} * simd_kernels::block_width(size.channels);
    const std::size_t items = c.pool().threads() == 1 ? 1 : std::min<std::size_t>(size.height, c.pool().threads() * 4);
    c.pool().for_each(items, [&](std::size_t i) {
      const auto [first, end] = part(size.height, items, i);
      run_rows(c, in, out + first * row, size.height * row, first, end);
    });
  }
  // Output rows [first, end), the first of which goes to `out`, and the next block of channels block_stride further.
  void run_rows(context& c, const float* in, float* out, std::size_t block_stride, std::size_t first,
                std::size_t end) const noexcept {
    const auto& p = params_;
    c.kernels().depthwise({in, p.in.height, p.in.width, p.in.channels, p.kernel_height, p.kernel_width, p.stride,
                           p.pad.top, p.pad.left, view(weights_), out, p.output_shape().width, block_stride, first, end,
                           view(p.bounds)});
  }
  const layers::depthwise_conv2d& params() const noexcept { return params_; }

 private:
  depthwise_conv2d(const layers::depthwise_conv2d& params, const packed_weights& weights)
      : params_(params), weights_(weights) {}
  layers::depthwise_conv2d params_;
  packed_weights weights_;
};

class simd::pointwise_conv2d {
 public:
  static result<pointwise_conv2d> prepare(context&, const layers::pointwise_conv2d& params,
                                          const packed_weights& weights) {
    return pointwise_conv2d(params, weights);
  }
  void run(context& c, const float* in, float* out) const noexcept {
    const auto& p = params_;
    const std::size_t positions = std::size_t{p.in.height} * p.in.width;
    const std::size_t width = simd_kernels::block_width(p.out_channels);
    const std::size_t threads = c.pool().threads();
    // Few positions: every thread takes panels of its own, and so reads only its share of the weights.
    const std::size_t panels = layers::panels(p.out_channels);
    const bool by_panels = positions < 64 * threads;
    const std::size_t items = threads == 1 ? 1 : std::min(threads * 2, by_panels ? panels : positions);
    c.pool().for_each(items, [&](std::size_t i) {
      const auto [first, end] = part(by_panels ? panels : positions, items, i);
      if (by_panels)
        run_part(c, in, positions, positions, out, positions * width, first, end);
      else
        run_part(c, in + first * simd_kernels::block_width(p.in.channels), positions, end - first, out + first * width,
                 positions * width, 0, panels);
    });
  }
  // Panels [first, end) of `positions` positions; a block of input channels has `block_positions`.
  void run_part(context& c, const float* in, std::size_t block_positions, std::size_t positions, float* out,
                std::size_t out_block_stride, std::size_t first, std::size_t end) const noexcept {
    const auto& p = params_;
    c.kernels().pointwise({in, block_positions * simd_kernels::block_width(p.in.channels), positions, p.in.channels,
                           view(weights_), out, out_block_stride, p.out_channels, first, end, view(p.bounds)});
  }
  const layers::pointwise_conv2d& params() const noexcept { return params_; }

 private:
  pointwise_conv2d(const layers::pointwise_conv2d& params, const packed_weights& weights)
      : params_(params), weights_(weights) {}
  layers::pointwise_conv2d params_;
  packed_weights weights_;
};

/// A depthwise convolution and the pointwise one that follows it, strip by strip: a few rows of the first stay in
/// the cache while the second consumes them, and the layer needs one meeting of the threads instead of two.
class simd::depthwise_separable {
 public:
  static result<depthwise_separable> prepare(context& c, const layers::depthwise_conv2d& depthwise,
                                             const packed_weights& depthwise_weights,
                                             const layers::pointwise_conv2d& pointwise,
                                             const packed_weights& pointwise_weights) {
    auto first = depthwise_conv2d::prepare(c, depthwise, depthwise_weights);
    if (!first) return std::move(first).error();
    auto second = pointwise_conv2d::prepare(c, pointwise, pointwise_weights);
    if (!second) return std::move(second).error();
    depthwise_separable layer(*std::move(first), *std::move(second), c.pool().threads());
    const shape strip{static_cast<std::uint32_t>(layer.strip_rows_), pointwise.in.width, pointwise.in.channels};
    if (auto r = c.reserve(activation_elements(strip)); !r) return std::move(r).error();
    return layer;
  }
  void run(context& c, const float* in, float* out) const noexcept {
    const shape size = pointwise_.params().output_shape();
    const std::size_t panels = layers::panels(size.channels);
    const std::size_t strips = (size.height + strip_rows_ - 1) / strip_rows_;
    const std::size_t row = std::size_t{size.width} * simd_kernels::block_width(size.channels);
    const std::size_t in_width = simd_kernels::block_width(pointwise_.params().in.channels);
    c.pool().for_each(strips * panel_groups_, [&](std::size_t i, unsigned worker) {
      const auto [first_row, end_row] = part(size.height, strips, i / panel_groups_);
      const auto [first, end] = part(panels, panel_groups_, i % panel_groups_);
      float* strip = c.scratch(worker);
      const std::size_t positions = (end_row - first_row) * size.width;
      depthwise_.run_rows(c, in, strip, positions * in_width, first_row, end_row);
      pointwise_.run_part(c, strip, positions, positions, out + first_row * row, size.height * row, first, end);
    });
  }

 private:
  static constexpr std::size_t strip_bytes = 128 * 1024;

  depthwise_separable(depthwise_conv2d&& depthwise, pointwise_conv2d&& pointwise, std::size_t threads)
      : depthwise_(std::move(depthwise)), pointwise_(std::move(pointwise)) {
    const shape in = pointwise_.params().in;
    const std::size_t row_bytes = std::size_t{in.width} * blocks(in.channels) * 16 * sizeof(float);
    const bool few = std::size_t{in.height} * in.width < 64 * threads;
    panel_groups_ = few ? std::min<std::size_t>(threads, layers::panels(pointwise_.params().out_channels)) : 1;
    strip_rows_ = few ? in.height : std::clamp<std::size_t>(strip_bytes / row_bytes, 1, (in.height + threads - 1) / threads);
    if (in.height <= 14 && !few) strip_rows_ = (in.height + threads - 1) / threads;
  }

  depthwise_conv2d depthwise_;
  pointwise_conv2d pointwise_;
  std::size_t strip_rows_ = 1;
  std::size_t panel_groups_ = 1;
};

class simd::global_average_pool {
 public:
  static result<global_average_pool> prepare(context&, const layers::global_average_pool& params,
                                             const packed_weights&) {
    return global_average_pool(params);
  }
  void run(context& c, const float* in, float* out) const noexcept {
    c.kernels().average(in, std::size_t{params_.in.height} * params_.in.width, params_.in.channels, out);
  }

 private:
  explicit global_average_pool(const layers::global_average_pool& params) : params_(params) {}
  layers::global_average_pool params_;
};

class simd::dense {
 public:
  static result<dense> prepare(context&, const layers::dense& params, const packed_weights& weights) {
    return dense(params, weights);
  }
  void run(context& c, const float* in, float* out) const noexcept {
    const std::size_t panels = layers::panels(params_.out_channels);
    const std::size_t items = std::min<std::size_t>(panels, c.pool().threads());
    c.pool().for_each(items, [&](std::size_t i) {
      const auto [first, end] = part(panels, items, i);
      c.kernels().dense({in, params_.in.channels, view(weights_), out, first, end, view(params_.bounds)});
    });
  }

 private:
  dense(const layers::dense& params, const packed_weights& weights) : params_(params), weights_(weights) {}
  layers::dense params_;
  packed_weights weights_;
};

class simd::softmax {
 public:
  static result<softmax> prepare(context&, const layers::softmax& params, const packed_weights&) {
    return softmax(params);
  }
  void run(context& c, const float* in, float* out) const noexcept {
    c.kernels().softmax(in, params_.in.channels, out);
  }

 private:
  explicit softmax(const layers::softmax& params) : params_(params) {}
  layers::softmax params_;
};

static_assert(backend<simd>);

MOBILENET_NAMESPACE_END
