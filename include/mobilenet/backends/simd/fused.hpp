// Several layers at once: strips of rows that stay in the cache from one layer to the next.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/backends/simd/operations.hpp>
#include <mobilenet/node.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <variant>

MOBILENET_NAMESPACE_BEGIN

/// Consecutive nodes computed at once. A block is a depthwise convolution and the pointwise one that follows it, with
/// the pointwise expansion before them and the addition after them that MobileNet v2 has: the depthwise rows are
/// computed strip by strip and consumed while they are in the cache, and the six-fold expanded activation exists only
/// as a few rows. As long as activations are too large for the cache, blocks are chained, the first convolution among
/// them: each stage keeps only the rows that the next one's window needs, in a ring.
///
/// A row too long for the cache, and a window taller than MobileNet's, are not fused: every thread keeps what they
/// need.
class simd::fused {
 public:
  static std::size_t length(const context& c, std::span<const node> nodes, std::size_t first,
                            std::span<const std::uint32_t> readers) noexcept {
    const bool begins_with_convolution = is<layers::conv2d>(nodes[first]) && feeds_only_next(nodes, readers, first);
    std::size_t end = first + (begins_with_convolution ? 1 : 0);
    std::size_t stages = begins_with_convolution ? 1 : 0;
    std::uint64_t weight_bytes = 0;
    for (std::size_t blocks = 0;; ++blocks) {
      const block_nodes b = find_block(nodes, end, readers);
      if (b.depthwise == none || stages + 2 > max_stages) break;
      const auto& depthwise = std::get<layers::depthwise_conv2d>(nodes[b.depthwise].layer);
      const auto& pointwise = std::get<layers::pointwise_conv2d>(nodes[b.depthwise + 1].layer);
      const bool is_first = end == first;
      if (b.expands && (depthwise.window.height > 7 || depthwise.window.stride > 2)) break;
      if (b.expands && is_first && !worth_expanding(c, pointwise.output_shape())) break;

      const std::size_t row = std::max(row_elements(depthwise.in), row_elements(pointwise.in)) * sizeof(float);
      if (row > (is_first ? 4 : 1) * cached_bytes) break;  // 1 at 1.0 and 2048 pixels, the converter's largest
      weight_bytes += packed_kernel_elements(pointwise) * sizeof(float);
      if (b.expands) weight_bytes += packed_kernel_elements(nodes[end].layer) * sizeof(float);
      if (!is_first) {
        const std::size_t between = elements(layers::input_type(nodes[end].layer)) * sizeof(float);
        const bool chains = between > cached_bytes && weight_bytes <= cached_bytes && depthwise.window.height <= 3 &&
                            depthwise.window.stride <= 2 && chainable(nodes, end, b, readers);
        if (!chains) break;
      }
      stages += b.expands ? 2 : 1;
      end = b.end;
    }
    return end - first < 2 ? 0 : end - first;
  }

  static result<fused> prepare(context& c, std::span<const node> nodes, std::size_t first, std::size_t count) {
    fused made;
    made.first_input_ = external_inputs(nodes, first, count)[0];
    for (const node& n : nodes.subspan(first, count)) {
      const auto output = static_cast<value_id>(&n - nodes.data() + 1);
      if (auto added = made.add_node(c, n, output); !added) return std::move(added).error();
    }
    made.plan(c.pool().threads());
    if (auto r = c.reserve(made.scratch_elements_); !r) return std::move(r).error();
    return made;
  }

  void run(context& c, const operands& io) const noexcept {
    const stage& last = stages_[stage_count_ - 1];
    c.pool().for_each(row_slices_ * panel_slices_, [&](std::size_t i, unsigned worker) {
      const auto [first, end] = slice(last.out.height, row_slices_, i / panel_slices_);
      const auto [first_panel, end_panel] = slice(layers::panels(last.out.channels), panel_slices_, i % panel_slices_);
      cursor at{c, io, c.scratch(worker), first_panel, end_panel, {}};
      // The first row of each stage that this slice needs.
      std::size_t row = first;
      for (std::size_t s = stage_count_; s-- > 0;) {
        at.next_row[s] = row;
        row = row * stages_[s].reach.stride;
        row = row > stages_[s].reach.top ? row - stages_[s].reach.top : 0;
      }
      compute_until(at, stage_count_ - 1, end);
    });
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_stages = 12;
  static constexpr std::size_t cached_bytes = 256 * 1024;  // what the second-level cache holds next to everything else
  static constexpr std::size_t strip_bytes = 128 * 1024;
  static constexpr std::size_t chain_rows = 2;  // of the last stage at a time

  // ---- which nodes

  template <class Layer>
  static bool is(const node& n) noexcept {
    return std::holds_alternative<Layer>(n.layer);
  }

  // The nodes [begin, end) of a block; its depthwise convolution, `none` if there is no block.
  struct block_nodes {
    std::size_t depthwise = none;
    std::size_t end = 0;
    bool expands = false;
    bool adds = false;
  };
  static block_nodes find_block(std::span<const node> nodes, std::size_t begin,
                                std::span<const std::uint32_t> readers) noexcept {
    block_nodes found;
    std::size_t i = begin;
    if (i < nodes.size() && is<layers::pointwise_conv2d>(nodes[i]) && feeds_only_next(nodes, readers, i)) {
      found.expands = true;
      ++i;
    }
    if (i + 1 >= nodes.size() || !is<layers::depthwise_conv2d>(nodes[i]) || !feeds_only_next(nodes, readers, i) ||
        !is<layers::pointwise_conv2d>(nodes[i + 1]))
      return found;
    found.depthwise = i;
    found.end = i + 2;
    const auto& pointwise = std::get<layers::pointwise_conv2d>(nodes[i + 1].layer);
    found.adds = feeds_only_next(nodes, readers, i + 1) && is<layers::add>(nodes[i + 2]) &&
                 nodes[i + 2].inputs[0] != nodes[i + 2].inputs[1] && pointwise.activation == layers::range{};
    if (found.adds) ++found.end;
    return found;
  }

  // Whether a block at `begin` may follow what was computed before it: only the block reads that value.
  static bool chainable(std::span<const node> nodes, std::size_t begin, const block_nodes& b,
                        std::span<const std::uint32_t> readers) noexcept {
    const auto entry = static_cast<value_id>(begin);
    if (nodes[begin].inputs[0] != entry) return false;
    if (!b.adds) return readers[entry] == 1;
    const node& add = nodes[b.end - 1];
    const value_id shortcut = add.inputs[0] == b.end - 1 ? add.inputs[1] : add.inputs[0];
    return shortcut == entry && readers[entry] == 2;
  }

  // With several threads each computes rows of the expansion for itself, some of them twice; where there are few rows
  // the expansion is divided by panels instead, in a step of its own.
  static bool worth_expanding(const context& c, const shape& out) noexcept {
    const std::size_t threads = c.threads();
    return threads == 1 || out.height >= 14 * threads;
  }

  // ---- stages

  struct stage {
    struct {
      std::size_t height = 1, stride = 1, top = 0;
    } reach;                                                // of the stage's window into its input
    std::optional<op<layers::conv2d>> convolution;          // else:
    std::optional<op<layers::depthwise_conv2d>> depthwise;  // none for an expansion
    std::optional<op<layers::pointwise_conv2d>> pointwise;
    std::optional<layers::add> add;
    std::size_t shortcut = none;  // the stage whose output is added; `none`: an external input,
    std::size_t operand = 0;      // this one
    shape out;
    std::size_t rows = 0;   // of its output's buffer: a ring, except for the last stage
    std::size_t ring = 0;   // where that is in the scratch memory
    std::size_t strip = 1;  // at most this many rows are computed at a time
    value_id output = 0;
  };

  // One slice of the work, on one thread.
  struct cursor {
    context& c;
    const operands& io;
    float* scratch;
    std::size_t first_panel, end_panel;  // of the last stage
    std::array<std::size_t, max_stages> next_row;
  };

  result<void> add_node(context& c, const node& n, value_id output) {
    stage* last = stage_count_ == 0 ? nullptr : &stages_[stage_count_ - 1];
    if (const auto* layer = std::get_if<layers::conv2d>(&n.layer)) {
      stage& s = stages_[stage_count_++];
      s.convolution.emplace(*layer, n.weights);
      s.reach = {layer->window.height, layer->window.stride, layer->window.pad.top};
      last = &s;
    } else if (const auto* window = std::get_if<layers::depthwise_conv2d>(&n.layer)) {
      stage& s = stages_[stage_count_++];
      s.depthwise.emplace(*window, n.weights);
      s.reach = {window->window.height, window->window.stride, window->window.pad.top};
      last = &s;
    } else if (const auto* product = std::get_if<layers::pointwise_conv2d>(&n.layer)) {
      const bool completes = last != nullptr && last->depthwise && !last->pointwise;
      if (!completes) last = &stages_[stage_count_++];
      last->pointwise.emplace(*product, n.weights);
    } else if (const auto* sum = std::get_if<layers::add>(&n.layer)) {
      last->add = *sum;
      const value_id shortcut = n.inputs[0] == last->output ? n.inputs[1] : n.inputs[0];
      for (std::size_t s = 0; s + 1 < stage_count_; ++s)
        if (stages_[s].output == shortcut) last->shortcut = s;
      last->operand = shortcut == first_input_ ? 0 : 1;
    }
    (void)c;
    last->out = layers::output_type(n.layer);
    last->output = output;
    return {};
  }

  static std::size_t row_elements(const shape& s) noexcept {
    return blocks(s.channels) * simd_kernels::block_width(s.channels) * s.width;
  }

  // Decides how the work is divided, how many rows each stage computes at a time, and where the rings lie.
  void plan(std::size_t threads) noexcept {
    const stage& last = stages_[stage_count_ - 1];
    const std::size_t positions = last.out.positions();
    const std::size_t panels = layers::panels(last.out.channels);
    // Few positions and many weights: each thread reads its own share of the weights, and computes the little
    // depthwise convolution whole. Otherwise each takes rows of its own.
    const bool by_panels = stage_count_ == 1 && positions < 64 * threads;
    panel_slices_ = by_panels ? std::min(threads, panels) : 1;
    row_slices_ = by_panels ? 1 : std::min<std::size_t>(threads, last.out.height);

    std::size_t strip_elements = 0;
    std::size_t wanted = rows_at_a_time();
    for (std::size_t i = stage_count_; i-- > 0;) {
      stage& s = stages_[i];
      s.rows = i + 1 == stage_count_ ? s.out.height : wanted;
      s.strip = wanted;
      if (s.depthwise) strip_elements = std::max(strip_elements, s.strip * row_elements(s.pointwise->layer.in));
      if (i + 1 != stage_count_) {
        s.ring = scratch_elements_;
        scratch_elements_ += s.rows * row_elements(s.out);
      }
      wanted = (wanted - 1) * s.reach.stride + s.reach.height;
      if (i > 0) wanted = std::min<std::size_t>(wanted, stages_[i - 1].out.height);
    }
    strip_ = scratch_elements_;
    scratch_elements_ += strip_elements;
  }

  // Rows of the last stage. A chain needs few. A single block takes nearly equal strips that fit the cache, and whole
  // images where the weights are what is large.
  std::size_t rows_at_a_time() const noexcept {
    const stage& last = stages_[stage_count_ - 1];
    const std::size_t blocks_chained = static_cast<std::size_t>(
        std::count_if(stages_.begin(), stages_.begin() + static_cast<std::ptrdiff_t>(stage_count_),
                      [](const stage& s) { return s.convolution || s.depthwise; }));
    if (blocks_chained > 1) return std::min<std::size_t>(chain_rows, last.out.height);

    const std::size_t most = ceil_div(last.out.height, row_slices_);
    if (last.out.positions() <= 196) return most;
    const std::size_t row = row_elements(last.pointwise->layer.in);
    const std::size_t fitting = std::max<std::size_t>(1, strip_bytes / sizeof(float) / row);
    return ceil_div(most, ceil_div(most, fitting));
  }
  static constexpr std::size_t ceil_div(std::size_t a, std::size_t b) noexcept { return (a + b - 1) / b; }

  // ---- rows

  // Computes a stage's rows from where it stopped, and before that the rows of earlier stages that they need.
  void compute_until(cursor& at, std::size_t i, std::size_t end) const noexcept {
    const stage& s = stages_[i];
    while (at.next_row[i] < end) {
      const std::size_t first = at.next_row[i];
      const std::size_t stop = std::min(end, first + s.strip);
      if (i > 0) {
        const std::size_t needed = (stop - 1) * s.reach.stride + s.reach.height;
        const std::size_t available = s.reach.top + stages_[i - 1].out.height;
        compute_until(at, i - 1, std::clamp(needed, s.reach.top, available) - s.reach.top);
      }
      compute_rows(at, i, first, stop);
      at.next_row[i] = stop;
    }
  }

  // Rows in memory: row y of a block of channels is row y % rows of its buffer.
  struct ring {
    const float* data;
    std::size_t rows;
  };
  ring output_of(const cursor& at, std::size_t i) const noexcept {
    return {at.scratch + stages_[i].ring, stages_[i].rows};
  }

  void compute_rows(cursor& at, std::size_t i, std::size_t first, std::size_t end) const noexcept {
    const stage& s = stages_[i];
    const bool is_last = i + 1 == stage_count_;
    float* out = is_last ? at.io.out<float>() : at.scratch + s.ring;
    if (s.convolution) return s.convolution->run_rows(at.c, at.io.in<float>(), out, s.rows, first, end);

    const shape& in = s.pointwise->layer.in;
    const std::size_t in_row = in.width * simd_kernels::block_width(in.channels);
    const std::size_t out_row = in.width * simd_kernels::block_width(s.out.channels);
    ring source = i > 0         ? output_of(at, i - 1)
                  : s.depthwise ? ring{at.io.in<float>(), s.depthwise->layer.in.height}
                                : ring{at.io.in<float>(), in.height};
    std::size_t source_first = first;  // the row of `source` at which the pointwise convolution's input begins
    if (s.depthwise) {
      float* strip = at.scratch + strip_;
      s.depthwise->run_rows(at.c, source.data, source.rows, strip, (end - first) * in_row, first, end);
      source = {strip, end - first};
      source_first = 0;
    }
    const ring shortcut =
        s.shortcut != none ? output_of(at, s.shortcut) : ring{at.io.in<float>(s.operand), s.out.height};

    // In pieces, because rings wrap around.
    for (std::size_t row = first; row < end;) {
      const std::size_t from = (source_first + row - first) % source.rows;
      const std::size_t to = row % s.rows;
      std::size_t piece = std::min({end - row, source.rows - from, s.rows - to});
      if (s.add) piece = std::min(piece, shortcut.rows - row % shortcut.rows);
      addend added;
      if (s.add) added = {shortcut.data + row % shortcut.rows * out_row, shortcut.rows * out_row, s.add->activation};
      s.pointwise->run_slice(at.c, source.data + from * in_row, source.rows * in.width, piece * in.width,
                             out + to * out_row, s.rows * out_row, is_last ? at.first_panel : 0,
                             is_last ? at.end_panel : layers::panels(s.out.channels), added);
      row += piece;
    }
  }

  std::array<stage, max_stages> stages_;
  std::size_t stage_count_ = 0;
  value_id first_input_ = network_input;
  std::size_t row_slices_ = 1;
  std::size_t panel_slices_ = 1;
  std::size_t strip_ = 0;
  std::size_t scratch_elements_ = 0;
};

MOBILENET_NAMESPACE_END
