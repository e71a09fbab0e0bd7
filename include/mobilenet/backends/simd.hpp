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
#include <mobilenet/platform/threads.hpp>
#include <mobilenet/tensor.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

MOBILENET_NAMESPACE_BEGIN

struct simd {
  static constexpr std::string_view name = "simd";

  class context;
  class conv2d;
  class depthwise_conv2d;
  class pointwise_conv2d;
  class fused;
  class global_average_pool;
  class dense;
  class softmax;
  class sigmoid;

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
  ///          was not compiled; those of thread_pool::create
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
  /// errors   unsupported, and those of thread_pool::create, as above
  static result<context> create(const run_options& options, simd_target target) {
    if (!usable(target))
      return error{errc::unsupported,
                   "instruction set " + std::string(to_string(target)) +
                       (simd_kernels::compiled(target) == nullptr ? " was not compiled into this program"
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
    auto memory = float_buffer::create(pool_.threads() * elements, "scratch memory");
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
  float_buffer scratch_;
  std::size_t scratch_elements_ = 0;
};

class simd::conv2d {
 public:
  static result<conv2d> prepare(context&, const layers::conv2d& params, const packed_weights& weights) {
    return conv2d(params, weights);
  }
  void run(context& c, const float* in, float* out) const noexcept {
    const shape size = params_.output_shape();
    const std::size_t items = c.pool().threads() == 1 ? 1 : std::min<std::size_t>(size.height, c.pool().threads() * 4);
    c.pool().for_each(items, [&](std::size_t i) {
      const auto [first, end] = part(size.height, items, i);
      run_rows(c, in, out, size.height, first, end);
    });
  }
  // Output rows [first, end), each into row y % out_rows of a buffer.
  void run_rows(context& c, const float* in, float* out, std::size_t out_rows, std::size_t first,
                std::size_t end) const noexcept {
    const auto& p = params_;
    const shape size = p.output_shape();
    c.kernels().convolution({in, p.in.height, p.in.width, p.in.channels, p.kernel_height, p.kernel_width, p.stride,
                             p.pad.top, p.pad.left, view(weights_), out, out_rows, size.width, size.channels, first,
                             end, view(p.bounds)});
  }
  const layers::conv2d& params() const noexcept { return params_; }

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
      run_rows(c, in, params_.in.height, out + first * row, size.height * row, first, end);
    });
  }
  // Output rows [first, end), the first of which goes to `out`, and the next block of channels block_stride
  // further. Input row y is row y % in_rows of a buffer.
  void run_rows(context& c, const float* in, std::size_t in_rows, float* out, std::size_t block_stride,
                std::size_t first, std::size_t end) const noexcept {
    const auto& p = params_;
    c.kernels().depthwise({in, in_rows, p.in.height, p.in.width, p.in.channels, p.kernel_height, p.kernel_width,
                           p.stride, p.pad.top, p.pad.left, view(weights_), out, p.output_shape().width, block_stride,
                           first, end, view(p.bounds)});
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

/// Layers computed in one go: a depthwise convolution and the pointwise one that follows it, strip by strip, so
/// that a few rows of the first stay in the cache while the second consumes them. And, where activations are too
/// large for the cache, several such blocks and the first convolution: each keeps only the rows that the
/// next one's window needs, in a ring, and no activation between them ever exists as a whole. Rows too long for the
/// cache, and windows taller than MobileNet's, are not worth it: what they need is kept for each thread.
class simd::fused {
 public:
  static std::size_t length(std::span<const packed_layer> chain) noexcept {
    std::size_t count = !chain.empty() && is<layers::conv2d>(chain[0]) ? 1 : 0;
    std::size_t weight_bytes = 0;
    for (std::size_t stages = count;
         stages < max_stages && count + 2 <= chain.size() && is<layers::depthwise_conv2d>(chain[count]) &&
         is<layers::pointwise_conv2d>(chain[count + 1]);
         ++stages, count += 2) {
      const auto& window = std::get<layers::depthwise_conv2d>(chain[count].params);
      const auto& pointwise = std::get<layers::pointwise_conv2d>(chain[count + 1].params);
      const std::size_t row = std::max(row_elements(window.in), row_elements(pointwise.in)) * sizeof(float);
      if (row > (stages == 0 ? 4 : 1) * cached_bytes) break;  // 1 at 1.0 and 2048 pixels, the converter's largest
      weight_bytes += pointwise.packed_kernel_elements() * sizeof(float);
      const std::size_t between = activation_elements(window.in) * sizeof(float);
      if (stages != 0 &&
          (between <= cached_bytes || weight_bytes > cached_bytes || window.kernel_height > 3 || window.stride > 2))
        break;
    }
    return count < 2 ? 0 : count;
  }

  static result<fused> prepare(context& c, std::span<const packed_layer> chain) {
    fused made;
    for (std::size_t i = 0; i < chain.size(); i += is<layers::conv2d>(chain[i]) ? 1 : 2) {
      auto added = made.add_stage(c, chain.subspan(i));
      if (!added) return std::move(added).error();
    }
    made.plan(c.pool().threads());
    if (auto r = c.reserve(made.scratch_elements_); !r) return std::move(r).error();
    return made;
  }

  void run(context& c, const float* in, float* out) const noexcept {
    const stage& last = stages_[stage_count_ - 1];
    c.pool().for_each(row_parts_ * panel_parts_, [&](std::size_t i, unsigned worker) {
      const auto [first, end] = part(last.out.height, row_parts_, i / panel_parts_);
      const auto [first_panel, end_panel] = part(layers::panels(last.out.channels), panel_parts_, i % panel_parts_);
      walk w{c, in, out, c.scratch(worker), first_panel, end_panel, {}};
      // Where each stage's rows begin that this part needs.
      std::size_t begin = first;
      for (std::size_t s = stage_count_; s-- > 0;) {
        w.next_row[s] = begin;
        const std::size_t above = stages_[s].window.top;
        begin = begin * stages_[s].window.stride;
        begin = begin > above ? begin - above : 0;
      }
      compute_until(w, stage_count_ - 1, end);
    });
  }

 private:
  static constexpr std::size_t max_stages = 8;
  static constexpr std::size_t cached_bytes = 256 * 1024;  // what the second-level cache holds beside all else
  static constexpr std::size_t strip_bytes = 128 * 1024;

  template <class Params>
  static bool is(const packed_layer& layer) noexcept {
    return std::holds_alternative<Params>(layer.params);
  }

  struct stage {
    struct {
      std::size_t height, stride, top;
    } window;                           // of the convolution, or of the depthwise one
    std::optional<conv2d> convolution;  // else the two below
    std::optional<depthwise_conv2d> depthwise;
    std::optional<pointwise_conv2d> pointwise;
    shape out;
    std::size_t rows = 0;   // of its output's buffer: a ring, but for the last stage
    std::size_t ring = 0;   // where that is in the scratch memory
    std::size_t strip = 1;  // rows to compute at a time, at most
  };

  // One part of the work, on one thread.
  struct walk {
    context& c;
    const float* in;
    float* out;
    float* scratch;
    std::size_t first_panel, end_panel;  // of the last stage
    std::array<std::size_t, max_stages> next_row;
  };

  result<void> add_stage(context& c, std::span<const packed_layer> chain) {
    stage& s = stages_[stage_count_++];
    if (const auto* params = std::get_if<layers::conv2d>(&chain[0].params)) {
      auto layer = conv2d::prepare(c, *params, chain[0].weights);
      if (!layer) return std::move(layer).error();
      s.convolution = *std::move(layer);
      s.window = {params->kernel_height, params->stride, params->pad.top};
      s.out = params->output_shape();
      return {};
    }
    const auto& window = std::get<layers::depthwise_conv2d>(chain[0].params);
    const auto& product = std::get<layers::pointwise_conv2d>(chain[1].params);
    auto first = depthwise_conv2d::prepare(c, window, chain[0].weights);
    if (!first) return std::move(first).error();
    auto second = pointwise_conv2d::prepare(c, product, chain[1].weights);
    if (!second) return std::move(second).error();
    s.depthwise = *std::move(first);
    s.pointwise = *std::move(second);
    s.window = {window.kernel_height, window.stride, window.pad.top};
    s.out = product.output_shape();
    return {};
  }

  static std::size_t row_elements(const shape& s) noexcept {
    return blocks(s.channels) * simd_kernels::block_width(s.channels) * s.width;
  }

  // Decides how the work is split, how many rows each stage computes at a time, and where the rings lie.
  void plan(std::size_t threads) noexcept {
    stage& last = stages_[stage_count_ - 1];
    const std::size_t positions = std::size_t{last.out.height} * last.out.width;
    const std::size_t panels = layers::panels(last.out.channels);
    // Few positions and many weights: each thread reads its own share of the weights, and computes the little
    // depthwise convolution whole. Otherwise each takes rows of its own.
    const bool by_panels = stage_count_ == 1 && positions < 64 * threads;
    panel_parts_ = by_panels ? std::min(threads, panels) : 1;
    row_parts_ = by_panels ? 1 : std::min<std::size_t>(threads, last.out.height);

    std::size_t strip_elements = 0;
    std::size_t wanted = stage_count_ > 1 ? chain_rows : last.out.height;
    for (std::size_t i = stage_count_; i-- > 0;) {
      stage& s = stages_[i];
      s.rows = i + 1 == stage_count_ ? s.out.height : wanted;
      s.strip = wanted;
      if (s.depthwise) {
        const std::size_t row = row_elements(s.pointwise->params().in);
        if (stage_count_ == 1) {
          const std::size_t most = (last.out.height + row_parts_ - 1) / row_parts_;
          const std::size_t fitting = std::max<std::size_t>(1, strip_bytes / sizeof(float) / row);
          // Nearly equal strips; and whole images where the weights are what is large.
          s.strip =
              positions <= 196 ? most : (most + (most + fitting - 1) / fitting - 1) / ((most + fitting - 1) / fitting);
        }
        strip_elements = std::max(strip_elements, s.strip * row);
      }
      if (i + 1 != stage_count_) {
        s.ring = scratch_elements_;
        scratch_elements_ += s.rows * row_elements(s.out);
      }
      wanted = (wanted - 1) * s.window.stride + s.window.height;
      if (i > 0) wanted = std::min<std::size_t>(wanted, stages_[i - 1].out.height);
    }
    strip_ = scratch_elements_;
    scratch_elements_ += strip_elements;
  }

  // Computes a stage's rows from where it stopped, and before that the rows of earlier stages that they need.
  void compute_until(walk& w, std::size_t i, std::size_t end) const noexcept {
    const stage& s = stages_[i];
    while (w.next_row[i] < end) {
      const std::size_t first = w.next_row[i];
      const std::size_t stop = std::min(end, first + s.strip);
      if (i > 0) {
        const std::size_t needed = (stop - 1) * s.window.stride + s.window.height;
        compute_until(
            w, i - 1,
            std::clamp<std::size_t>(needed, s.window.top, s.window.top + stages_[i - 1].out.height) - s.window.top);
      }
      compute_rows(w, i, first, stop);
      w.next_row[i] = stop;
    }
  }

  void compute_rows(walk& w, std::size_t i, std::size_t first, std::size_t end) const noexcept {
    const stage& s = stages_[i];
    const bool is_last = i + 1 == stage_count_;
    float* out = is_last ? w.out : w.scratch + s.ring;
    if (s.convolution) return s.convolution->run_rows(w.c, w.in, out, s.rows, first, end);

    const shape in = s.pointwise->params().in;
    const std::size_t positions = (end - first) * in.width;
    const std::size_t in_width = simd_kernels::block_width(in.channels);
    const std::size_t out_width = simd_kernels::block_width(s.out.channels);
    float* strip = w.scratch + strip_;
    s.depthwise->run_rows(w.c, i == 0 ? w.in : w.scratch + stages_[i - 1].ring,
                          i == 0 ? s.depthwise->params().in.height : stages_[i - 1].rows, strip, positions * in_width,
                          first, end);
    // The rows go where they belong in the ring, in two pieces where its end comes between.
    for (std::size_t row = first; row < end;) {
      const std::size_t slot = row % s.rows;
      const std::size_t piece = std::min(end - row, s.rows - slot);
      s.pointwise->run_part(w.c, strip + (row - first) * in.width * in_width, positions, piece * in.width,
                            out + slot * in.width * out_width, s.rows * in.width * out_width,
                            is_last ? w.first_panel : 0, is_last ? w.end_panel : layers::panels(s.out.channels));
      row += piece;
    }
  }

  static constexpr std::size_t chain_rows = 2;  // of the last stage at a time

  std::array<stage, max_stages> stages_;
  std::size_t stage_count_ = 0;
  std::size_t row_parts_ = 1;
  std::size_t panel_parts_ = 1;
  std::size_t strip_ = 0;
  std::size_t scratch_elements_ = 0;
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

class simd::sigmoid {
 public:
  static result<sigmoid> prepare(context&, const layers::sigmoid& params, const packed_weights&) {
    return sigmoid(params);
  }
  void run(context& c, const float* in, float* out) const noexcept {
    c.kernels().sigmoid(in, params_.in.channels, out);
  }

 private:
  explicit sigmoid(const layers::sigmoid& params) : params_(params) {}
  layers::sigmoid params_;
};

static_assert(backend<simd>);

MOBILENET_NAMESPACE_END
