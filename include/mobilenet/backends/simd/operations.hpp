// The simd back end's operations, one for each kind of layer.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/backends/simd/kernels.hpp>
#include <mobilenet/platform/threads.hpp>
#include <mobilenet/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

struct simd {
  static constexpr std::string_view name = "simd";

  class context;
  template <class Layer>
  class op;
  class fused;

  /// The best target that was compiled and that this processor has.
  static simd_target best_target() noexcept {
    for (std::size_t i = simd_targets; i-- > 1;)
      if (is_supported(static_cast<simd_target>(i))) return static_cast<simd_target>(i);
    return simd_target::baseline;
  }
  /// Whether a target was compiled, and this processor has it.
  static bool is_supported(simd_target target) noexcept {
    return simd_kernels::find_kernels(target) != nullptr && processor_has(target);
  }

  static std::size_t bytes(const tensor_type& t) noexcept { return elements(t) * sizeof(float); }
  static void to_nhwc(const tensor_type& t, const void* in, void* out) noexcept {
    for_each_element(t, [&](std::size_t blocked, std::size_t nhwc) {
      static_cast<float*>(out)[nhwc] = static_cast<const float*>(in)[blocked];
    });
  }
  static void from_nhwc(const tensor_type& t, const void* in, void* out) noexcept {
    std::fill_n(static_cast<float*>(out), elements(t), 0.0f);
    for_each_element(t, [&](std::size_t blocked, std::size_t nhwc) {
      static_cast<float*>(out)[blocked] = static_cast<const float*>(in)[nhwc];
    });
  }

 private:
  static std::size_t blocks(std::size_t channels) noexcept { return (channels + 15) / 16; }
  /// Floats of an activation in blocks. A panel of 16 is written whole even if one position has 8 lanes.
  static std::size_t elements(const shape& s) noexcept {
    const std::size_t width = simd_kernels::block_width(s.channels);
    return std::max<std::size_t>(16, blocks(s.channels) * s.height * s.width * width);
  }

  template <class F>
  static void for_each_element(const shape& s, F f) noexcept {
    const std::size_t width = simd_kernels::block_width(s.channels);
    const std::size_t positions = s.positions();
    for (std::size_t c = 0; c < s.channels; ++c)
      for (std::size_t i = 0; i < positions; ++i)
        f((c / width * positions + i) * width + c % width, i * s.channels + c);
  }

  // Slice `i` of `slices` nearly equal ranges that cover [0, count).
  static std::pair<std::size_t, std::size_t> slice(std::size_t count, std::size_t slices, std::size_t i) noexcept {
    return {count * i / slices, count * (i + 1) / slices};
  }

  // What an operation without weights keeps.
  template <class Layer>
  struct unweighted {
    Layer layer;
  };
  template <class Layer>
  struct weighted {
    Layer layer;
    mobilenet::weights weights;
  };

  // What a pointwise convolution adds to its sums before it clamps them: laid out as its output, blocks of channels
  // `block_stride` floats apart.
  struct addend {
    const float* data = nullptr;
    std::size_t block_stride = 0;
    layers::range activation;
  };
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
    if (!is_supported(target))
      return error{errc::unsupported,
                   "instruction set " + std::string(to_string(target)) +
                       (simd_kernels::find_kernels(target) == nullptr ? " was not compiled into this program"
                                                                      : " is not one that this processor has") +
                       "; the best usable one is " + std::string(to_string(best_target()))};
    auto pool = thread_pool::create(options.threads);
    if (!pool) return std::move(pool).error();
    return context(*simd_kernels::find_kernels(target), *std::move(pool));
  }

  simd_target target() const noexcept { return kernels_->target; }
  const simd_kernels::table& kernels() const noexcept { return *kernels_; }
  thread_pool& pool() noexcept { return pool_; }
  unsigned threads() const noexcept { return pool_.threads(); }

  /// Makes sure that every thread has scratch memory for `elements` floats. Called by layers' prepare() only.
  /// errors   out_of_memory
  result<void> reserve(std::size_t elements) {
    if (elements <= scratch_elements_) return {};
    elements = (elements + 15) / 16 * 16;
    auto memory = buffer::create(std::uint64_t{pool_.threads()} * elements * sizeof(float), "scratch memory");
    if (!memory) return std::move(memory).error();
    scratch_ = *std::move(memory);
    scratch_elements_ = elements;
    return {};
  }
  float* scratch(unsigned worker) noexcept { return scratch_.as<float>() + worker * scratch_elements_; }

 private:
  context(const simd_kernels::table& kernels, thread_pool&& pool) : kernels_(&kernels), pool_(std::move(pool)) {}

  const simd_kernels::table* kernels_;
  thread_pool pool_;
  buffer scratch_;
  std::size_t scratch_elements_ = 0;
};

template <>
class simd::op<layers::conv2d> : public weighted<layers::conv2d> {
 public:
  static result<op> prepare(context&, const layers::conv2d& l, const mobilenet::weights& w) { return op(l, w); }
  op(const layers::conv2d& l, const mobilenet::weights& w) : weighted{l, w} {}

  void run(context& c, const operands& io) const noexcept {
    const shape size = layer.output_shape();
    const std::size_t tasks = c.pool().threads() == 1 ? 1 : std::min<std::size_t>(size.height, c.pool().threads() * 4);
    c.pool().for_each(tasks, [&](std::size_t i) {
      const auto [first, end] = slice(size.height, tasks, i);
      run_rows(c, io.in<float>(), io.out<float>(), size.height, first, end);
    });
  }
  // Rows [first, end), into a buffer of out_rows rows: row y is row y % out_rows of it.
  void run_rows(context& c, const float* in, float* out, std::size_t out_rows, std::size_t first,
                std::size_t end) const noexcept {
    c.kernels().convolution({.in = in,
                             .in_shape = layer.in,
                             .window = layer.window,
                             .weights = weights,
                             .out = out,
                             .out_rows = out_rows,
                             .out_width = layer.output_shape().width,
                             .out_channels = layer.out_channels,
                             .first_row = first,
                             .end_row = end,
                             .activation = layer.activation});
  }
};

template <>
class simd::op<layers::depthwise_conv2d> : public weighted<layers::depthwise_conv2d> {
 public:
  static result<op> prepare(context&, const layers::depthwise_conv2d& l, const mobilenet::weights& w) {
    return op(l, w);
  }
  op(const layers::depthwise_conv2d& l, const mobilenet::weights& w) : weighted{l, w} {}

  void run(context& c, const operands& io) const noexcept {
    const shape size = layer.output_shape();
    const std::size_t width = simd_kernels::block_width(size.channels);
    const std::size_t tasks = c.pool().threads() == 1 ? 1 : std::min<std::size_t>(size.height, c.pool().threads() * 4);
    c.pool().for_each(tasks, [&](std::size_t i) {
      const auto [first, end] = slice(size.height, tasks, i);
      run_rows(c, io.in<float>(), layer.in.height, io.out<float>() + first * size.width * width,
               size.positions() * width, first, end);
    });
  }
  // Rows [first, end); `out` is where row `first` goes. The input's buffer is a ring of in_rows rows.
  void run_rows(context& c, const float* in, std::size_t in_rows, float* out, std::size_t block_stride,
                std::size_t first, std::size_t end) const noexcept {
    c.kernels().depthwise({.in = in,
                           .in_rows = in_rows,
                           .in_shape = layer.in,
                           .window = layer.window,
                           .weights = weights,
                           .out = out,
                           .out_width = layer.output_shape().width,
                           .out_block_stride = block_stride,
                           .first_row = first,
                           .end_row = end,
                           .activation = layer.activation});
  }
};

template <>
class simd::op<layers::pointwise_conv2d> : public weighted<layers::pointwise_conv2d> {
 public:
  static result<op> prepare(context&, const layers::pointwise_conv2d& l, const mobilenet::weights& w) {
    return op(l, w);
  }
  op(const layers::pointwise_conv2d& l, const mobilenet::weights& w) : weighted{l, w} {}

  void run(context& c, const operands& io) const noexcept {
    const std::size_t positions = layer.in.positions();
    const std::size_t in_width = simd_kernels::block_width(layer.in.channels);
    const std::size_t out_width = simd_kernels::block_width(layer.out_channels);
    const std::size_t threads = c.pool().threads();
    // Few positions: every thread takes panels of its own, and so reads only its share of the weights.
    const std::size_t panels = layers::panels(layer.out_channels);
    const bool by_panels = positions < 64 * threads;
    const std::size_t tasks = threads == 1 ? 1 : std::min(threads * 2, by_panels ? panels : positions);
    c.pool().for_each(tasks, [&](std::size_t i) {
      const auto [first, end] = slice(by_panels ? panels : positions, tasks, i);
      if (by_panels)
        run_slice(c, io.in<float>(), positions, positions, io.out<float>(), positions * out_width, first, end);
      else
        run_slice(c, io.in<float>() + first * in_width, positions, end - first, io.out<float>() + first * out_width,
                  positions * out_width, 0, panels);
    });
  }
  // Panels [first, end) of `positions` positions; a block of input channels has `block_positions`.
  void run_slice(context& c, const float* in, std::size_t block_positions, std::size_t positions, float* out,
                 std::size_t out_block_stride, std::size_t first, std::size_t end,
                 const addend& added = {}) const noexcept {
    c.kernels().pointwise({.in = in,
                           .in_block_stride = block_positions * simd_kernels::block_width(layer.in.channels),
                           .positions = positions,
                           .in_channels = layer.in.channels,
                           .weights = weights,
                           .out = out,
                           .out_block_stride = out_block_stride,
                           .out_channels = layer.out_channels,
                           .first_panel = first,
                           .end_panel = end,
                           .activation = added.data == nullptr ? layer.activation : added.activation,
                           .added = added.data,
                           .added_block_stride = added.block_stride});
  }
};

template <>
class simd::op<layers::add> : unweighted<layers::add> {
 public:
  static result<op> prepare(context&, const layers::add& l, const mobilenet::weights&) { return op(l); }
  void run(context& c, const operands& io) const noexcept {
    c.kernels().add({.in = {io.in<float>(0), io.in<float>(1)},
                     .count = elements(layer.in),
                     .out = io.out<float>(),
                     .activation = layer.activation});
  }

 private:
  explicit op(const layers::add& l) : unweighted{l} {}
};

template <>
class simd::op<layers::global_average_pool> : unweighted<layers::global_average_pool> {
 public:
  static result<op> prepare(context&, const layers::global_average_pool& l, const mobilenet::weights&) { return op(l); }
  void run(context& c, const operands& io) const noexcept {
    c.kernels().average(io.in<float>(), layer.in.positions(), layer.in.channels, io.out<float>());
  }

 private:
  explicit op(const layers::global_average_pool& l) : unweighted{l} {}
};

template <>
class simd::op<layers::dense> : weighted<layers::dense> {
 public:
  static result<op> prepare(context&, const layers::dense& l, const mobilenet::weights& w) { return op(l, w); }
  void run(context& c, const operands& io) const noexcept {
    const std::size_t panels = layers::panels(layer.out_channels);
    const std::size_t tasks = std::min<std::size_t>(panels, c.pool().threads());
    c.pool().for_each(tasks, [&](std::size_t i) {
      const auto [first, end] = slice(panels, tasks, i);
      c.kernels().dense({.in = io.in<float>(),
                         .in_channels = layer.in.channels,
                         .weights = weights,
                         .out = io.out<float>(),
                         .first_panel = first,
                         .end_panel = end,
                         .activation = layer.activation});
    });
  }

 private:
  op(const layers::dense& l, const mobilenet::weights& w) : weighted{l, w} {}
};

template <>
class simd::op<layers::softmax> : unweighted<layers::softmax> {
 public:
  static result<op> prepare(context&, const layers::softmax& l, const mobilenet::weights&) { return op(l); }
  void run(context& c, const operands& io) const noexcept {
    c.kernels().softmax(io.in<float>(), layer.in.channels, io.out<float>());
  }

 private:
  explicit op(const layers::softmax& l) : unweighted{l} {}
};

MOBILENET_NAMESPACE_END
