// The kernels, compiled once for each instruction set by kernels.hpp; docs/kernels.md explains them.
//
// Every loop over an accumulator array carries MOBILENET_UNROLL, also those that fill and store it: where one
// of them stays a loop the compiler keeps the array in memory, and the speed falls to a third.

#include <mobilenet/backends/simd/kernels.hpp>

// An include guard per target, as Highway's own -inl headers have it.
#if defined(MOBILENET_SIMD_KERNELS_PER_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef MOBILENET_SIMD_KERNELS_PER_TARGET
#undef MOBILENET_SIMD_KERNELS_PER_TARGET
#else
#define MOBILENET_SIMD_KERNELS_PER_TARGET
#endif

#include <hwy/highway.h>

// Newer versions of Highway have more targets, with nothing more for these kernels.
#if HWY_TARGET == HWY_STATIC_TARGET || \
    (HWY_TARGET & (HWY_SCALAR | HWY_EMU128 | HWY_SSE2 | HWY_SSE4 | HWY_AVX2 | HWY_AVX3 | HWY_NEON | HWY_WASM))
#if HWY_HAVE_SCALABLE
#error \
    "<mobilenet/backends/simd.hpp> has no kernels for registers of unknown length: leave HWY_DISABLED_TARGETS alone, or add this target to it"
#endif

#include <hwy/contrib/math/math-inl.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#ifndef MOBILENET_UNROLL
#define MOBILENET_UNROLL _Pragma("GCC unroll 32")
#define MOBILENET_ALWAYS_INLINE __attribute__((always_inline))
#endif

HWY_BEFORE_NAMESPACE();
MOBILENET_NAMESPACE_BEGIN
namespace simd_kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What decides the register tiles of an instruction set: a tile computes some positions by tile_panels panels of
// tile_lanes channels, for the last panels of a layer fewer channels. Ten sums and more keep both FMA units of an AVX2
// processor busy; what bounds them is the number of registers. `reserved_registers` hold neither sums nor weights.
#if HWY_TARGET <= HWY_AVX3  // registers of 16 lanes
inline constexpr simd_target compiled_for = simd_target::avx512;
inline constexpr std::size_t tile_panels = 2, tile_lanes = 16, last_channels = 3;
inline constexpr std::size_t register_count = 32, reserved_registers = 1;
#elif HWY_TARGET == HWY_AVX2                                                // of 8 lanes
inline constexpr simd_target compiled_for = simd_target::avx2;
inline constexpr std::size_t tile_panels = 1, tile_lanes = 16, last_channels = 1;
inline constexpr std::size_t register_count = 16, reserved_registers = 1;
#elif HWY_ARCH_ARM && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128  // NEON: of 4 lanes
inline constexpr simd_target compiled_for = simd_target::neon;
inline constexpr std::size_t tile_panels = 1, tile_lanes = 16, last_channels = 1;
inline constexpr std::size_t register_count = 32, reserved_registers = 1;
#elif HWY_TARGET == HWY_SSE4  // of 4 lanes, no FMA: a product needs a register
inline constexpr simd_target compiled_for = simd_target::sse4;
inline constexpr std::size_t tile_panels = 1, tile_lanes = 8, last_channels = 1;
inline constexpr std::size_t register_count = 16, reserved_registers = 3;
#elif HWY_TARGET == HWY_WASM  // of 4 lanes; on an x86 host a product needs a register, and so do addresses
inline constexpr simd_target compiled_for = simd_target::baseline;
inline constexpr std::size_t tile_panels = 1, tile_lanes = 8, last_channels = 1;
inline constexpr std::size_t register_count = 16, reserved_registers = 5;
#else
inline constexpr simd_target compiled_for = simd_target::baseline;
inline constexpr std::size_t tile_panels = 1, tile_lanes = 8, last_channels = 1;
inline constexpr std::size_t register_count = 0, reserved_registers = 0;
#endif

// How far ahead of their use weights are fetched: most of them come from memory, not from a cache.
inline constexpr std::size_t ahead_bytes = 256 * 1024;

// Registers for up to L lanes, L <= 16.
template <std::size_t L>
using tag = hn::CappedTag<float, L>;
template <std::size_t L>
inline constexpr std::size_t registers = L / hn::MaxLanes(tag<L>());

// Positions of the highest tile of P panels of L lanes. 28 and 14 also divide a row of 112 positions.
template <std::size_t P, std::size_t L>
inline constexpr std::size_t highest_tile = [] {
  if (register_count == 0) return std::size_t{1};
  constexpr std::size_t per_position = P * registers<L>;
  return std::min<std::size_t>(28, (register_count - reserved_registers - last_channels * per_position) / per_position);
}();

template <class D>
HWY_INLINE hn::Vec<D> load_weights(D d, const float* w) {
  return hn::LoadU(d, w);
}
template <class D>
HWY_INLINE hn::Vec<D> load_weights(D d, const hwy::float16_t* w) {
  const hn::Rebind<hwy::float16_t, D> dh;
  return hn::PromoteTo(d, hn::LoadU(dh, w));
}

template <class D>
HWY_INLINE hn::Vec<D> clamp(D, hn::Vec<D> v, hn::Vec<D> low, hn::Vec<D> high) {
  return hn::Min(hn::Max(v, low), high);
}

// Float32 copies of `elements` kernel elements, a multiple of 8, from `first` on.
inline void widen(const mobilenet::weights& w, std::size_t first, std::size_t elements, float* to) {
  const tag<8> d;
  if (w.type == element::f32) {
    std::memcpy(to, static_cast<const float*>(w.kernel) + first, elements * sizeof(float));
    return;
  }
  const auto* from = static_cast<const hwy::float16_t*>(w.kernel) + first;
  for (std::size_t i = 0; i < elements; i += hn::MaxLanes(d)) hn::StoreU(load_weights(d, from + i), d, to + i);
}

// ---- tiles: sums over segments of contiguous input channels ----

// What all tiles of a panel share. Position r's channel k of segment s is in[s * segment_stride + r * S + k];
// the weights of all segments follow each other.
template <class W>
struct tile_arguments {
  std::size_t segment_stride;
  std::size_t channels;  // of all segments, at least last_channels
  const W* w;
  std::size_t w_panel_stride;
  const float* bias;
  std::size_t out_stride;  // from position to position: 16, or 8 where the tiles have 8 lanes
  std::size_t out_panel_stride;
  layers::range activation;
  const float* added = nullptr;  // added to the sums of the first position and those after it; laid out as the output
  std::size_t added_panel_stride = 0;
  const std::ptrdiff_t* steps = nullptr;  // where K < 16: from each channel to the next
  // Weights that are used later, fetched meanwhile: `ahead_lines` cache lines with each segment.
  const char* ahead = nullptr;
  const char* ahead_end = nullptr;
  std::size_t ahead_lines = 0;
};

// `count` tiles of R positions by P panels of L lanes; segments of K channels, input positions S floats apart.
//
// The last channels are added position by position, so that multiply-adds lie between the stores: on Zen 4, stores that
// follow each other directly delay the multiply-adds of the next tile.
template <std::size_t R, std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
HWY_NOINLINE void tiles(tile_arguments<W>& t, std::size_t count, const float* in, float* out) {
  const tag<L> d;
  constexpr std::size_t N = hn::MaxLanes(d);
  constexpr std::size_t V = registers<L>;
  using vec = hn::Vec<decltype(d)>;
  struct row {  // one position's sums, or one channel's weights
    vec of[P * V];
    HWY_INLINE row() {}  // an implicit one would be compiled for another instruction set
  };
  const std::size_t segment_stride = t.segment_stride;
  const std::size_t panel_stride = t.w_panel_stride;
  const std::size_t out_stride = L == 16 ? 16 : t.out_stride;
  const std::size_t first_channels = t.channels - last_channels;
  const float* last_in[last_channels];
  MOBILENET_UNROLL
  for (std::size_t i = 0; i < last_channels; ++i)
    last_in[i] = in + (first_channels + i) / K * segment_stride + (first_channels + i) % K;
  const float* added = t.added;

  for (; count != 0; --count, in += R * S, out += R * out_stride) {
    row sums[R];
    MOBILENET_UNROLL
    for (std::size_t v = 0; v < P * V; ++v) {
      const vec bias = hn::LoadU(d, t.bias + v / V * 16 + v % V * N);
      MOBILENET_UNROLL
      for (std::size_t r = 0; r < R; ++r) sums[r].of[v] = bias;
    }
    if (added != nullptr) {
      MOBILENET_UNROLL
      for (std::size_t v = 0; v < P * V; ++v) {
        const float* from = added + v / V * t.added_panel_stride + v % V * N;
        MOBILENET_UNROLL
        for (std::size_t r = 0; r < R; ++r) sums[r].of[v] = hn::Add(sums[r].of[v], hn::LoadU(d, from + r * out_stride));
      }
      added += R * out_stride;
    }

    const float* a = in;
    const W* w = t.w;
    const auto load_channel = [&](const W* from) HWY_ATTR MOBILENET_ALWAYS_INLINE {
      row weights;
      MOBILENET_UNROLL
      for (std::size_t v = 0; v < P * V; ++v) weights.of[v] = load_weights(d, from + v / V * panel_stride + v % V * N);
      return weights;
    };
    const auto multiply_add = [&](row& sum, const row& weights, float input) HWY_ATTR MOBILENET_ALWAYS_INLINE {
      const vec value = hn::Set(d, input);
      MOBILENET_UNROLL
      for (std::size_t v = 0; v < P * V; ++v) sum.of[v] = hn::MulAdd(weights.of[v], value, sum.of[v]);
    };
    const auto multiply_channel = [&](std::size_t k) HWY_ATTR MOBILENET_ALWAYS_INLINE {
      const row weights = load_channel(w);
      MOBILENET_UNROLL
      for (std::size_t r = 0; r < R; ++r) multiply_add(sums[r], weights, a[r * S + k]);
      w += 16;
    };
    if constexpr (K < 16) {
      // Short segments: one loop over all of them, as the end of each would be a mispredicted branch.
      const std::ptrdiff_t* steps = t.steps;
#pragma GCC unroll 1
      for (const std::ptrdiff_t* end = steps + first_channels; steps != end; ++steps) {
        multiply_channel(0);
        a += *steps;
      }
    } else {
      const std::size_t ahead_lines = t.ahead < t.ahead_end ? t.ahead_lines : 0;
      const char* ahead = t.ahead;
      for (std::size_t left = first_channels; left != 0; a += segment_stride) {
        for (std::size_t i = 0; i < ahead_lines; ++i, ahead += 64) __builtin_prefetch(ahead, 0, 2);
        const std::size_t channels = std::min(left, K);
#pragma GCC unroll 1
        for (std::size_t k = 0; k < channels; ++k) multiply_channel(k);
        left -= channels;
      }
      t.ahead = ahead;
    }

    row last_weights[last_channels];
    MOBILENET_UNROLL
    for (std::size_t i = 0; i < last_channels; ++i) last_weights[i] = load_channel(w + i * 16);
    const vec low = hn::Set(d, t.activation.low);
    const vec high = hn::Set(d, t.activation.high);
    MOBILENET_UNROLL
    for (std::size_t r = 0; r < R; ++r) {
      MOBILENET_UNROLL
      for (std::size_t i = 0; i < last_channels; ++i) multiply_add(sums[r], last_weights[i], last_in[i][r * S]);
      MOBILENET_UNROLL
      for (std::size_t v = 0; v < P * V; ++v) {
        float* to = out + r * out_stride + v / V * t.out_panel_stride + v % V * N;
        hn::StoreU(clamp(d, sums[r].of[v], low, high), d, to);
      }
    }
    MOBILENET_UNROLL
    for (std::size_t i = 0; i < last_channels; ++i) last_in[i] += R * S;
  }
}

// Moves on past `positions` that other tiles compute.
template <class W>
void skip(tile_arguments<W>& t, std::size_t positions) {
  if (t.added != nullptr) t.added += positions * t.out_stride;
}

// The next smaller number of rows that even_tiles() may ask for: each down to half of the highest, then powers of 2.
template <std::size_t P, std::size_t L>
constexpr std::size_t next_rows(std::size_t rows) noexcept {
  return rows > (highest_tile<P, L> + 1) / 2 ? rows - 1 : std::bit_floor(rows - 1);
}

// Calls tiles() for a number of rows that is known at run time only.
template <std::size_t R, std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
HWY_INLINE void tiles_of(std::size_t rows, tile_arguments<W>& t, std::size_t count, const float* in, float* out) {
  if (rows == R)
    tiles<R, P, L, K, S>(t, count, in, out);
  else if constexpr (R > 1)
    tiles_of<next_rows<P, L>(R), P, L, K, S>(rows, t, count, in, out);
}

// Tiles of nearly equal heights: full ones and a rest of one row would run that row at a sixth of the speed. 49
// positions are 4 tiles of 6 and 5 of 5.
template <std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
HWY_NOINLINE void even_tiles(tile_arguments<W>& t, std::size_t positions, const float* in, float* out) {
  constexpr std::size_t highest = highest_tile<P, L>;
  if (positions < (highest + 1) / 2) {
    for (std::size_t rows; positions != 0; positions -= rows, in += rows * S, out += rows * t.out_stride) {
      rows = std::bit_floor(positions);
      tiles_of<highest, P, L, K, S>(rows, t, 1, in, out);
      skip(t, rows);
    }
    return;
  }
  const std::size_t count = (positions + highest - 1) / highest;
  const std::size_t rows = positions / count;
  const std::size_t longer = positions % count;
  const std::size_t done = longer * (rows + 1);
  if (longer != 0) tiles_of<highest, P, L, K, S>(rows + 1, t, longer, in, out);
  skip(t, done);
  tiles_of<highest, P, L, K, S>(rows, t, count - longer, in + done * S, out + done * t.out_stride);
}

// Tiles of R positions, the last of which computes some positions again.
template <std::size_t R, std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
HWY_NOINLINE void overlapping_tiles(tile_arguments<W>& t, std::size_t positions, const float* in, float* out) {
  if (positions < R) return tiles<1, P, L, K, S>(t, positions, in, out);
  tiles<R, P, L, K, S>(t, positions / R, in, out);
  if (positions % R == 0) return;
  const std::size_t last = positions - R;
  skip(t, last);
  tiles<R, P, L, K, S>(t, 1, in + last * S, out + last * t.out_stride);
}

// Any number of positions. High tiles are compiled for a few heights only, of which the one that costs least is taken:
// the beginning and the end of a tile take as long as some three positions of it. With 25, 49 positions are two tiles.
template <std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
void any_tiles(tile_arguments<W>& t, std::size_t positions, const float* in, float* out) {
  constexpr std::size_t highest = highest_tile<P, L>;
  if constexpr (highest <= 12) {
    even_tiles<P, L, K, S>(t, positions, in, out);
  } else if constexpr (std::is_same_v<W, hwy::float16_t>) {
    // Only for the last of an odd number of panels, with many input channels: high tiles would be 15 KB for it.
    overlapping_tiles<highest * 2 / 7, P, L, K, S>(t, positions, in, out);
  } else {
    constexpr std::size_t high = highest * 9 / 10;
    constexpr std::size_t middle = highest * 4 / 7;
    constexpr std::size_t low = highest * 2 / 7;
    const auto cost = [=](std::size_t rows) { return (positions + rows - 1) / rows * (rows + 3); };
    std::size_t best = low;
    for (const std::size_t rows : {middle, high, highest})
      if (positions >= rows && cost(rows) <= cost(best)) best = rows;
    if (best == highest)
      overlapping_tiles<highest, P, L, K, S>(t, positions, in, out);
    else if (best == high)
      overlapping_tiles<high, P, L, K, S>(t, positions, in, out);
    else if (best == middle)
      overlapping_tiles<middle, P, L, K, S>(t, positions, in, out);
    else
      overlapping_tiles<low, P, L, K, S>(t, positions, in, out);
  }
}

// One panel, or only its first half if no channels lie in the other.
template <std::size_t K, std::size_t S, class W>
void panel_tiles(tile_arguments<W>& t, bool half, std::size_t positions, const float* in, float* out) {
  if constexpr (tile_lanes == 16)
    if (!half) return any_tiles<1, 16, K, S>(t, positions, in, out);
  const float* const added = t.added;
  any_tiles<1, 8, K, S>(t, positions, in, out);
  if (half) return;
  t.w += 8;
  t.bias += 8;
  t.added = added == nullptr ? nullptr : added + 8;
  any_tiles<1, 8, K, S>(t, positions, in, out + 8);
}

// Whether the second half of the panel that begins at `channel` has no channels. It is not written then, nor read.
constexpr bool is_half(std::size_t channels, std::size_t channel) noexcept { return channels - channel <= 8; }

// ---- pointwise ----

// Up to so many input channels, float16 weights are converted once per pair of panels, and not anew for each tile.
// AVX-512 converts with the units that multiply: in the tiles that costs 6 to 8 %, beside them 2 to 3 while the panels
// stay in the first-level cache. AVX2 has other units for it.
inline constexpr std::size_t widened_channels = tile_panels == 2 ? 256 : 0;

// Up to so many input channels, where two panels can be computed at a time, tiles twice as high of one panel are
// faster: sums are short, and fewer tiles have fewer beginnings and ends.
inline constexpr std::size_t short_sum_channels = 64;

// Weights as W, for tiles that read them as T.
template <class T, class W>
void pointwise_panels(const pointwise_arguments& p) {
  const std::size_t panel_elements = p.in_channels * 16;
  const W* kernel = static_cast<const W*>(p.weights.kernel);
  alignas(64) [[maybe_unused]] float widened[std::is_same_v<T, W> ? 1 : tile_panels * widened_channels * 16];
  for (std::size_t panel = p.first_panel; panel < p.end_panel;) {
    const bool half = is_half(p.out_channels, panel * 16);
    const bool pair = tile_panels == 2 && p.in_channels > short_sum_channels && panel + 1 < p.end_panel &&
                      !is_half(p.out_channels, (panel + 1) * 16);
    const std::size_t panels = pair ? 2 : 1;
    const W* stored = kernel + panel * panel_elements;
    const T* w;
    if constexpr (std::is_same_v<T, W>) {
      w = stored;
    } else {
      widen(p.weights, panel * panel_elements, panels * panel_elements, widened);
      w = widened;
    }
    tile_arguments<T> t{.segment_stride = p.in_block_stride,
                        .channels = p.in_channels,
                        .w = w,
                        .w_panel_stride = panel_elements,
                        .bias = p.weights.bias + panel * 16,
                        .out_stride = block_width(p.out_channels),
                        .out_panel_stride = p.out_block_stride,
                        .activation = p.activation,
                        .added = p.added_to(panel),
                        .added_panel_stride = p.added_block_stride};
    // Each panel's tiles fetch as many weights as they read, `ahead_bytes` further on: later panels, and later layers,
    // for the file has them in the order of their use. Where the end of the file is passed nothing happens.
    const std::size_t tile_count = p.positions / highest_tile<tile_panels, tile_lanes> + 1;
    const std::size_t lines = panels * panel_elements * sizeof(W) / 64;
    t.ahead = reinterpret_cast<const char*>(stored) + ahead_bytes;
    t.ahead_end = t.ahead + lines * 64;
    t.ahead_lines = lines / std::max<std::size_t>(1, p.in_channels / 16 * tile_count) + 1;
    float* out = p.out + panel * p.out_block_stride;
    if (pair)
      any_tiles<tile_panels, tile_lanes, 16, 16>(t, p.positions, p.in, out);
    else
      panel_tiles<16, 16>(t, half, p.positions, p.in, out);
    panel += panels;
  }
}

// From a block of 8 channels or fewer.
inline void pointwise_narrow(const pointwise_arguments& p) {
  // Zeros, where a tile adds more channels than there are: all 8 lanes of the input hold numbers.
  alignas(64) float widened[8 * 16] = {};
  for (std::size_t panel = p.first_panel; panel < p.end_panel; ++panel) {
    widen(p.weights, panel * p.in_channels * 16, p.in_channels * 16, widened);
    tile_arguments<float> t{.segment_stride = 0,
                            .channels = std::max(p.in_channels, last_channels),
                            .w = widened,
                            .w_panel_stride = 0,
                            .bias = p.weights.bias + panel * 16,
                            .out_stride = block_width(p.out_channels),
                            .out_panel_stride = 0,
                            .activation = p.activation,
                            .added = p.added_to(panel)};
    panel_tiles<16, 8>(t, is_half(p.out_channels, panel * 16), p.positions, p.in, p.out + panel * p.out_block_stride);
  }
}

inline void pointwise(const pointwise_arguments& p) noexcept {
  if (block_width(p.in_channels) == 8) return pointwise_narrow(p);
  if (p.weights.type == element::f32) return pointwise_panels<float, float>(p);
  if constexpr (widened_channels != 0)
    if (p.in_channels <= widened_channels) return pointwise_panels<float, hwy::float16_t>(p);
  pointwise_panels<hwy::float16_t, hwy::float16_t>(p);
}

// ---- depthwise ----

// One block of channels of a 3x3 depthwise convolution.
struct depthwise_block {
  const float* in;  // a ring of in_rows rows
  std::size_t in_rows, in_width, in_height;
  std::size_t left, top;  // padding
  const float* kernel;
  const float* bias;
  std::size_t out_width;
  std::size_t lanes;  // to compute
  layers::range activation;
};

// One register of lanes of one output row, column by column: a column of the input is loaded once, and added to the
// windows that it lies in. Positions are W floats apart; Rows rows of the windows lie inside the input.
template <std::size_t Rows, std::size_t Stride, std::size_t W, class D>
HWY_INLINE void depthwise_columns(D d, const depthwise_block& b, const float* const (&in)[Rows], const float* kernel,
                                  std::size_t lane, float* out) {
  using vec = hn::Vec<D>;
  const vec low = hn::Set(d, b.activation.low);
  const vec high = hn::Set(d, b.activation.high);
  const vec bias = hn::LoadU(d, b.bias + lane);
  vec w[Rows][3];
  MOBILENET_UNROLL
  for (std::size_t i = 0; i < Rows; ++i) {
    MOBILENET_UNROLL
    for (std::size_t j = 0; j < 3; ++j) w[i][j] = hn::LoadU(d, kernel + (i * 3 + j) * 16 + lane);
  }
  struct column {
    vec value[Rows];
    HWY_INLINE column() {}  // an implicit one would be compiled for another instruction set
  };
  const auto load = [&](std::ptrdiff_t x) HWY_ATTR MOBILENET_ALWAYS_INLINE {
    column c;
    MOBILENET_UNROLL
    for (std::size_t i = 0; i < Rows; ++i)
      c.value[i] = hn::LoadU(d, in[i] + x * static_cast<std::ptrdiff_t>(W) + static_cast<std::ptrdiff_t>(lane));
    return c;
  };
  // Adds a column that is the window's j-th.
  const auto add = [&](vec sum, const column& c, std::size_t j) HWY_ATTR MOBILENET_ALWAYS_INLINE {
    MOBILENET_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) sum = hn::MulAdd(c.value[i], w[i][j], sum);
    return sum;
  };
  out += lane;
  const auto store = [&](vec sum) HWY_ATTR MOBILENET_ALWAYS_INLINE {
    hn::StoreU(clamp(d, sum, low, high), d, out);
    out += W;
  };

  // Only the first window's first column, and the last one's last, may lie outside.
  const auto left = static_cast<std::ptrdiff_t>(b.left);
  const auto windows = static_cast<std::ptrdiff_t>(b.out_width);
  const auto width = static_cast<std::ptrdiff_t>(b.in_width);
  vec current = bias;  // sum of the window that is completed next
  if (left == 0) current = add(current, load(0), 0);
  std::ptrdiff_t x = 1 - left;
  if constexpr (Stride == 1) {
    const column second = load(x++);
    current = add(current, second, 1);
    vec next = add(bias, second, 0);
    const std::ptrdiff_t end = std::min(windows + x, width);
#pragma GCC unroll 1
    for (; x < end; ++x) {
      // The store comes first: g++ would otherwise read the column from memory for each of its nine uses.
      const column c = load(x);
      store(add(current, c, 2));
      current = add(next, c, 1);
      next = add(bias, c, 0);
    }
    if (x < windows + 2 - left) store(current);
  } else {
    const std::ptrdiff_t end = std::min(windows * 2 + x, width - 1);
#pragma GCC unroll 1
    for (; x < end; x += 2) {
      current = add(current, load(x), 1);
      const column c = load(x + 1);
      store(add(current, c, 2));
      current = add(bias, c, 0);
    }
    if (x < windows * 2 + 1 - left) store(add(current, load(x), 1));
  }
}

// Output row y, whose windows have Rows rows inside the input.
template <std::size_t Rows, std::size_t Stride, std::size_t W>
HWY_NOINLINE void depthwise_row(const depthwise_block& b, std::size_t y, float* out) {
  const std::size_t first = std::max(y * Stride, b.top);  // row of the padded input
  const float* in[Rows];
  for (std::size_t i = 0; i < Rows; ++i) in[i] = b.in + (first - b.top + i) % b.in_rows * b.in_width * W;
  const float* kernel = b.kernel + (first - y * Stride) * 3 * 16;
  const tag<W> d;
  for (std::size_t lane = 0; lane < b.lanes; lane += hn::MaxLanes(d))
    depthwise_columns<Rows, Stride, W>(d, b, in, kernel, lane, out);
}

template <std::size_t Stride, std::size_t W>
void depthwise_3x3(const depthwise_arguments& p) {
  for (std::size_t block = 0; block * 16 < p.in_shape.channels; ++block) {
    alignas(64) float kernel[9 * 16];
    widen(p.weights, block * 9 * 16, 9 * 16, kernel);
    const depthwise_block b{.in = p.in + block * p.in_rows * p.in_shape.width * W,
                            .in_rows = p.in_rows,
                            .in_width = p.in_shape.width,
                            .in_height = p.in_shape.height,
                            .left = p.window.pad.left,
                            .top = p.window.pad.top,
                            .kernel = kernel,
                            .bias = p.weights.bias + block * 16,
                            .out_width = p.out_width,
                            .lanes = is_half(p.in_shape.channels, block * 16) ? std::size_t{8} : std::size_t{16},
                            .activation = p.activation};
    float* out = p.out + block * p.out_block_stride;
    for (std::size_t y = p.first_row; y < p.end_row; ++y, out += p.out_width * W) {
      const std::size_t first = std::max(y * Stride, b.top);
      const std::size_t end = std::min(y * Stride + 3, b.in_height + b.top);
      if (end - first == 3)
        depthwise_row<3, Stride, W>(b, y, out);
      else if (end - first == 2)
        depthwise_row<2, Stride, W>(b, y, out);
      else
        depthwise_row<1, Stride, W>(b, y, out);
    }
  }
}

// Any window, stride and padding: one position at a time.
inline void depthwise_any(const depthwise_arguments& p) {
  constexpr std::size_t L = hn::MaxLanes(tag<8>());
  const tag<8> d;
  const std::size_t width = block_width(p.in_shape.channels);
  const auto [kernel_height, kernel_width, stride, pad] = p.window;
  for (std::size_t block = 0; block * 16 < p.in_shape.channels; ++block)
    for (std::size_t y = p.first_row; y < p.end_row; ++y)
      for (std::size_t x = 0; x < p.out_width; ++x)
        for (std::size_t lane = 0; lane < width; lane += L) {
          auto sum = hn::LoadU(d, p.weights.bias + block * 16 + lane);
          for (std::size_t i = 0; i < kernel_height; ++i)
            for (std::size_t j = 0; j < kernel_width; ++j) {
              // Unsigned: positions above or left of the input wrap to huge numbers and are outside too.
              const std::size_t in_y = y * stride + i - pad.top;
              const std::size_t in_x = x * stride + j - pad.left;
              if (in_y >= p.in_shape.height || in_x >= p.in_shape.width) continue;
              alignas(64) float w[8];
              widen(p.weights, ((block * kernel_height + i) * kernel_width + j) * 16 + lane, 8, w);
              const float* in =
                  p.in + ((block * p.in_rows + in_y % p.in_rows) * p.in_shape.width + in_x) * width + lane;
              sum = hn::MulAdd(hn::LoadU(d, in), hn::LoadU(d, w), sum);
            }
          hn::StoreU(clamp(d, sum, hn::Set(d, p.activation.low), hn::Set(d, p.activation.high)), d,
                     p.out + block * p.out_block_stride + ((y - p.first_row) * p.out_width + x) * width + lane);
        }
}

inline void depthwise(const depthwise_arguments& p) noexcept {
  const layers::window& w = p.window;
  const std::size_t reach = (p.out_width - 1) * w.stride + 3;
  const bool common =
      w.height == 3 && w.width == 3 && w.pad.left <= 1 && reach <= std::size_t{p.in_shape.width} + w.pad.left + 1;
  const bool narrow = block_width(p.in_shape.channels) == 8;
  if (common && w.stride == 1)
    narrow ? depthwise_3x3<1, 8>(p) : depthwise_3x3<1, 16>(p);
  else if (common && w.stride == 2)
    narrow ? depthwise_3x3<2, 8>(p) : depthwise_3x3<2, 16>(p);
  else
    depthwise_any(p);
}

// ---- convolution that reads NHWC ----

// One output row of a panel, one position at a time.
template <class W>
void convolution_columns(const convolution_arguments& p, std::size_t panel, std::size_t y, std::size_t lanes,
                         float* out, std::size_t width) {
  const tag<8> d;
  constexpr std::size_t N = hn::MaxLanes(d);
  for (std::size_t x = 0; x < p.out_width; ++x)
    for (std::size_t lane = 0; lane < lanes; lane += N) {
      auto sum = hn::LoadU(d, p.weights.bias + panel * 16 + lane);
      std::size_t element = panel * p.window.height * p.window.width * p.in_shape.channels;
      for (std::size_t i = 0; i < p.window.height; ++i)
        for (std::size_t j = 0; j < p.window.width; ++j, element += p.in_shape.channels) {
          // Unsigned: positions above or left of the input wrap to huge numbers and are outside too.
          const std::size_t in_y = y * p.window.stride + i - p.window.pad.top;
          const std::size_t in_x = x * p.window.stride + j - p.window.pad.left;
          if (in_y >= p.in_shape.height || in_x >= p.in_shape.width) continue;
          const float* in = p.in + (in_y * p.in_shape.width + in_x) * p.in_shape.channels;
          const W* w = static_cast<const W*>(p.weights.kernel) + element * 16 + lane;
          for (std::size_t c = 0; c < p.in_shape.channels; ++c)
            sum = hn::MulAdd(load_weights(d, w + c * 16), hn::Set(d, in[c]), sum);
        }
      hn::StoreU(clamp(d, sum, hn::Set(d, p.activation.low), hn::Set(d, p.activation.high)), d, out + x * width + lane);
    }
}

// The output columns, and the rows of one output row's window, that lie inside the input.
struct inside {
  std::size_t first_column, end_column;
  std::size_t first_row, end_row;

  inside(const convolution_arguments& p, std::size_t y) {
    const layers::window& w = p.window;
    first_column = std::min<std::size_t>(p.out_width, (w.pad.left + w.stride - 1) / w.stride);
    const std::size_t reach = std::size_t{p.in_shape.width} + w.pad.left;
    end_column = reach < w.width ? 0 : std::min(p.out_width, (reach - w.width) / w.stride + 1);
    const std::size_t top = y * w.stride;
    const std::size_t bottom = std::size_t{p.in_shape.height} + w.pad.top;
    first_row = top < w.pad.top ? w.pad.top - top : 0;
    end_row = std::min<std::size_t>(w.height, bottom > top ? bottom - top : 0);
  }
  bool any() const { return first_column < end_column && first_row < end_row; }
};

// The first layer: 3x3, stride 2, on 3 channels. A window is nine contiguous floats of each of three input rows,
// and those of neighbouring positions begin six floats apart, so the tiles of the pointwise kernel do it.
inline constexpr std::size_t rgb_window = 27;

// A window that lies partly outside the input, with zeros there.
inline void copy_rgb_window(const convolution_arguments& p, std::size_t y, std::size_t x, float* window) {
  for (std::size_t i = 0; i < 9; ++i) {
    // Unsigned: positions above or left of the input wrap to huge numbers and are outside too.
    const std::size_t in_y = y * 2 + i / 3 - p.window.pad.top;
    const std::size_t in_x = x * 2 + i % 3 - p.window.pad.left;
    const bool exists = in_y < p.in_shape.height && in_x < p.in_shape.width;
    for (std::size_t c = 0; c < 3; ++c)
      window[i * 3 + c] = exists ? p.in[(in_y * p.in_shape.width + in_x) * 3 + c] : 0.0f;
  }
}

// From each float of a window to the next, if its rows are so far apart.
struct rgb_steps {
  std::ptrdiff_t of[rgb_window];
  explicit rgb_steps(std::size_t row) {
    for (std::size_t k = 0; k < rgb_window; ++k) of[k] = k % 9 == 8 ? static_cast<std::ptrdiff_t>(row) - 8 : 1;
  }
};

inline void convolution_rgb(const convolution_arguments& p) {
  const std::size_t width = block_width(p.out_channels);
  const std::size_t in_row = std::size_t{p.in_shape.width} * 3;
  const rgb_steps steps(in_row);
  const rgb_steps copied_steps(9);
  for (std::size_t panel = 0; panel * 16 < p.out_channels; ++panel) {
    const bool half = is_half(p.out_channels, panel * 16);
    alignas(64) float kernel[rgb_window * 16];
    widen(p.weights, panel * rgb_window * 16, rgb_window * 16, kernel);
    const tile_arguments<float> whole{.segment_stride = in_row,
                                      .channels = rgb_window,
                                      .w = kernel,
                                      .w_panel_stride = 0,
                                      .bias = p.weights.bias + panel * 16,
                                      .out_stride = width,
                                      .out_panel_stride = 0,
                                      .activation = p.activation,
                                      .steps = steps.of};
    for (std::size_t y = p.first_row; y < p.end_row; ++y) {
      const inside in(p, y);
      float* out = p.out + (panel * p.out_rows + y % p.out_rows) * p.out_width * width;
      if (in.any()) {
        auto t = whole;
        t.channels = (in.end_row - in.first_row) * 9;
        t.w += in.first_row * 9 * 16;
        panel_tiles<9, 6>(
            t, half, in.end_column - in.first_column,
            p.in + (y * 2 + in.first_row - p.window.pad.top) * in_row + (in.first_column * 2 - p.window.pad.left) * 3,
            out + in.first_column * width);
      }
      for (std::size_t x = 0; x < p.out_width; ++x) {
        if (in.any() && x >= in.first_column && x < in.end_column) {
          x = in.end_column - 1;
          continue;
        }
        float window[rgb_window];
        copy_rgb_window(p, y, x, window);
        auto t = whole;
        t.segment_stride = 9;
        t.steps = copied_steps.of;
        panel_tiles<9, 6>(t, half, 1, window, out + x * width);
      }
    }
  }
}

// Any other.
inline void convolution_any(const convolution_arguments& p) {
  const std::size_t width = block_width(p.out_channels);
  for (std::size_t y = p.first_row; y < p.end_row; ++y)
    for (std::size_t panel = 0; panel * 16 < p.out_channels; ++panel) {
      const std::size_t lanes = is_half(p.out_channels, panel * 16) ? 8 : 16;
      float* out = p.out + (panel * p.out_rows + y % p.out_rows) * p.out_width * width;
      p.weights.type == element::f16 ? convolution_columns<hwy::float16_t>(p, panel, y, lanes, out, width)
                                     : convolution_columns<float>(p, panel, y, lanes, out, width);
    }
}

inline void convolution(const convolution_arguments& p) noexcept {
  const bool rgb = p.window.height == 3 && p.window.width == 3 && p.in_shape.channels == 3 && p.window.stride == 2;
  rgb ? convolution_rgb(p) : convolution_any(p);
}

// ---- the end of the network ----

// Bound by how fast weights arrive: four sums per register of the panel hide the additions' latency.
template <class W>
void dense_panels(const dense_arguments& p) {
  const tag<16> d;
  constexpr std::size_t N = hn::MaxLanes(d);
  constexpr std::size_t V = registers<16>;
  constexpr std::size_t U = V >= 4 ? 1 : 4;
  using vec = hn::Vec<decltype(d)>;
  const W* w = static_cast<const W*>(p.weights.kernel) + p.first_panel * p.in_channels * 16;
  for (std::size_t panel = p.first_panel; panel < p.end_panel; ++panel) {
    vec sums[U][V];
    MOBILENET_UNROLL
    for (std::size_t v = 0; v < V; ++v) {
      MOBILENET_UNROLL
      for (std::size_t u = 0; u < U; ++u)
        sums[u][v] = u == 0 ? hn::LoadU(d, p.weights.bias + panel * 16 + v * N) : hn::Zero(d);
    }
    std::size_t c = 0;
    for (; c + U <= p.in_channels; c += U, w += U * 16) {
      MOBILENET_UNROLL
      for (std::size_t u = 0; u < U; ++u) {
        const vec value = hn::Set(d, p.in[c + u]);
        MOBILENET_UNROLL
        for (std::size_t v = 0; v < V; ++v)
          sums[u][v] = hn::MulAdd(load_weights(d, w + u * 16 + v * N), value, sums[u][v]);
      }
    }
    for (; c < p.in_channels; ++c, w += 16) {
      const vec value = hn::Set(d, p.in[c]);
      MOBILENET_UNROLL
      for (std::size_t v = 0; v < V; ++v) sums[0][v] = hn::MulAdd(load_weights(d, w + v * N), value, sums[0][v]);
    }
    MOBILENET_UNROLL
    for (std::size_t v = 0; v < V; ++v) {
      vec sum = sums[0][v];
      MOBILENET_UNROLL
      for (std::size_t u = 1; u < U; ++u) sum = hn::Add(sum, sums[u][v]);
      hn::StoreU(clamp(d, sum, hn::Set(d, p.activation.low), hn::Set(d, p.activation.high)), d,
                 p.out + panel * 16 + v * N);
    }
  }
}

inline void dense(const dense_arguments& p) noexcept {
  p.weights.type == element::f16 ? dense_panels<hwy::float16_t>(p) : dense_panels<float>(p);
}

inline void add(const add_arguments& p) noexcept {
  const tag<8> d;
  constexpr std::size_t N = hn::MaxLanes(d);
  const auto low = hn::Set(d, p.activation.low);
  const auto high = hn::Set(d, p.activation.high);
  for (std::size_t i = 0; i < p.count; i += N)
    hn::StoreU(clamp(d, hn::Add(hn::LoadU(d, p.in[0] + i), hn::LoadU(d, p.in[1] + i)), low, high), d, p.out + i);
}

inline void average(const float* in, std::size_t positions, std::size_t channels, float* out) noexcept {
  const tag<8> d;
  constexpr std::size_t N = hn::MaxLanes(d);
  const std::size_t width = block_width(channels);
  const auto scale = hn::Set(d, 1.0f / static_cast<float>(positions));
  for (std::size_t block = 0; block * 16 < channels; ++block, in += positions * width, out += width)
    for (std::size_t lane = 0; lane < width; lane += N) {
      // Four sums: one would wait for each addition before the next.
      auto a = hn::Zero(d), b = a, c = a, e = a;
      std::size_t i = 0;
      for (; i + 4 <= positions; i += 4) {
        const float* from = in + i * width + lane;
        a = hn::Add(a, hn::LoadU(d, from));
        b = hn::Add(b, hn::LoadU(d, from + width));
        c = hn::Add(c, hn::LoadU(d, from + 2 * width));
        e = hn::Add(e, hn::LoadU(d, from + 3 * width));
      }
      for (; i < positions; ++i) a = hn::Add(a, hn::LoadU(d, in + i * width + lane));
      hn::StoreU(hn::Mul(hn::Add(hn::Add(a, b), hn::Add(c, e)), scale), d, out + lane);
    }
}

inline void softmax(const float* in, std::size_t count, float* out) noexcept {
  const tag<8> d;
  constexpr std::size_t N = hn::MaxLanes(d);
  const float highest = *std::max_element(in, in + count);
  alignas(64) float last[8] = {};  // the elements that do not fill a register
  const std::size_t whole = count / N * N;
  std::copy(in + whole, in + count, last);
  const auto exponential = [&](const float* from)
                               HWY_ATTR { return hn::Exp(d, hn::Sub(hn::LoadU(d, from), hn::Set(d, highest))); };
  auto sums = hn::Zero(d);
  for (std::size_t i = 0; i < whole; i += N) {
    const auto e = exponential(in + i);
    sums = hn::Add(sums, e);
    hn::StoreU(e, d, out + i);
  }
  if (whole < count) hn::StoreU(exponential(last), d, last);
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (std::size_t i = 0; i < count - whole; ++i) sum += last[i];
  const auto scale = hn::Set(d, 1.0f / sum);
  for (std::size_t i = 0; i < whole; i += N) hn::StoreU(hn::Mul(hn::LoadU(d, out + i), scale), d, out + i);
  for (std::size_t i = 0; i < count - whole; ++i) out[whole + i] = last[i] / sum;
}

inline constexpr table kernels{compiled_for, &pointwise, &depthwise, &convolution, &dense, &add, &average, &softmax};

}  // namespace HWY_NAMESPACE
}  // namespace simd_kernels
MOBILENET_NAMESPACE_END
HWY_AFTER_NAMESPACE();

#endif
#endif
