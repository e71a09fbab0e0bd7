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

// The register tile: up to tile_rows positions by tile_panels panels of tile_lanes channels. Ten sums and more
// keep both FMA units of an AVX2 processor busy; what bounds them is the number of registers.
#if HWY_TARGET <= HWY_AVX3  // 32 registers of 16 lanes
inline constexpr simd_target compiled_for = simd_target::avx512;
inline constexpr std::size_t tile_rows = 12, tile_panels = 2, tile_lanes = 16, register_count = 32;
#elif HWY_TARGET == HWY_AVX2                                                // 16 registers of 8 lanes
inline constexpr simd_target compiled_for = simd_target::avx2;
inline constexpr std::size_t tile_rows = 6, tile_panels = 1, tile_lanes = 16, register_count = 16;
#elif HWY_ARCH_ARM && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128  // NEON: 32 registers of 4 lanes
inline constexpr simd_target compiled_for = simd_target::neon;
inline constexpr std::size_t tile_rows = 6, tile_panels = 1, tile_lanes = 16, register_count = 32;
#elif HWY_TARGET == HWY_SSE4  // 16 registers of 4 lanes, no FMA: a product needs one more
inline constexpr simd_target compiled_for = simd_target::sse4;
inline constexpr std::size_t tile_rows = 5, tile_panels = 1, tile_lanes = 8, register_count = 16;
#elif HWY_TARGET == HWY_WASM  // 16 registers of 4 lanes on an x86 host; a product may need one more
inline constexpr simd_target compiled_for = simd_target::baseline;
inline constexpr std::size_t tile_rows = 4, tile_panels = 1, tile_lanes = 8, register_count = 16;
#else
inline constexpr simd_target compiled_for = simd_target::baseline;
inline constexpr std::size_t tile_rows = 1, tile_panels = 1, tile_lanes = 8, register_count = 0;
#endif

// How far ahead of their use weights are fetched: most of them come from memory, not from a cache.
inline constexpr std::size_t ahead_bytes = 256 * 1024;

// Registers for up to L lanes, L <= 16.
template <std::size_t L>
using tag = hn::CappedTag<float, L>;
template <std::size_t L>
inline constexpr std::size_t registers = L / hn::MaxLanes(tag<L>());

// Positions of a tile of P panels of L lanes in the first layers, whose sums are short: as many as there are registers
// for, because there the beginnings and ends of tiles are what costs. 28 and 14 also divide a row of 112 positions.
// Other rows may take the lower tiles of short_sum_tiles().
template <std::size_t P, std::size_t L>
inline constexpr std::size_t short_tile_rows = tile_lanes < 16
                                                   ? tile_rows
                                                   : std::min<std::size_t>(28, (register_count - 1 - P * registers<L>) /
                                                                                   (P * registers<L>));

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
  std::size_t segments;
  std::size_t tail;  // channels of a last, shorter segment
  const W* w;
  std::size_t w_panel_stride;
  const float* bias;
  std::size_t out_stride;  // from position to position: 16, or 8 where only 8 lanes are to be written
  std::size_t out_panel_stride;
  layers::range activation;
  const std::ptrdiff_t* steps = nullptr;  // where K < 16: from each channel to the next
  // Weights that will be wanted later, fetched on the side: so many cache lines with each segment.
  const char* ahead = nullptr;
  const char* ahead_end = nullptr;
  std::size_t ahead_lines = 0;
};

// `count` tiles of R positions by P panels of L lanes; segments of K channels, input positions S floats apart.
template <std::size_t R, std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
HWY_NOINLINE void tiles(tile_arguments<W>& t, std::size_t count, const float* in, float* out) {
  const tag<L> d;
  constexpr std::size_t N = hn::MaxLanes(d);
  constexpr std::size_t V = registers<L>;
  using vec = hn::Vec<decltype(d)>;
  const std::size_t segment_stride = t.segment_stride;
  const std::size_t panel_stride = t.w_panel_stride;
  const std::size_t segments = t.segments;
  for (; count != 0; --count, in += R * S, out += R * t.out_stride) {
    vec sums[R][P * V];
    MOBILENET_UNROLL
    for (std::size_t v = 0; v < P * V; ++v) {
      const vec bias = hn::LoadU(d, t.bias + v / V * 16 + v % V * N);
      MOBILENET_UNROLL
      for (std::size_t r = 0; r < R; ++r) sums[r][v] = bias;
    }
    const float* a = in;
    const W* w = t.w;
    const auto multiply_channel = [&](std::size_t k) HWY_ATTR MOBILENET_ALWAYS_INLINE {
      vec kernel[P * V];
      MOBILENET_UNROLL
      for (std::size_t v = 0; v < P * V; ++v) kernel[v] = load_weights(d, w + v / V * panel_stride + v % V * N);
      MOBILENET_UNROLL
      for (std::size_t r = 0; r < R; ++r) {
        const vec value = hn::Set(d, a[r * S + k]);
        MOBILENET_UNROLL
        for (std::size_t v = 0; v < P * V; ++v) sums[r][v] = hn::MulAdd(kernel[v], value, sums[r][v]);
      }
      w += 16;
    };
    if constexpr (K < 16) {
      // Short segments: one loop over all of them, as the end of each would be a mispredicted branch.
      const std::ptrdiff_t* steps = t.steps;
#pragma GCC unroll 1
      for (const std::ptrdiff_t* end = steps + segments * K; steps != end; ++steps) {
        multiply_channel(0);
        a += *steps;
      }
    } else {
      const std::size_t ahead_lines = t.ahead < t.ahead_end ? t.ahead_lines : 0;
      const char* ahead = t.ahead;
      for (std::size_t s = 0; s < segments; ++s, a += segment_stride) {
        for (std::size_t i = 0; i < ahead_lines; ++i, ahead += 64) __builtin_prefetch(ahead, 0, 2);
#pragma GCC unroll 1
        for (std::size_t k = 0; k < K; ++k) multiply_channel(k);
      }
      t.ahead = ahead;
    }
#pragma GCC unroll 1
    for (std::size_t k = 0; k < t.tail; ++k) multiply_channel(k);

    const vec low = hn::Set(d, t.activation.low);
    const vec high = hn::Set(d, t.activation.high);
    MOBILENET_UNROLL
    for (std::size_t r = 0; r < R; ++r) {
      MOBILENET_UNROLL
      for (std::size_t v = 0; v < P * V; ++v) {
        float* to = out + r * t.out_stride + v / V * t.out_panel_stride + v % V * N;
        const vec value = clamp(d, sums[r][v], low, high);
        if constexpr (N == 16) {
          if (t.out_stride == 8) {
            const tag<8> half;
            hn::StoreU(hn::LowerHalf(half, value), half, to);
            continue;
          }
        } else if constexpr (L == 16) {
          if (v % V * N >= 8 && t.out_stride == 8) continue;
        }
        hn::StoreU(value, d, to);
      }
    }
  }
}

// The next smaller number of rows that even_tiles() may ask for: each down to half of tile_rows, then powers of 2.
constexpr std::size_t next_rows(std::size_t rows) noexcept {
  return rows > (tile_rows + 1) / 2 ? rows - 1 : std::bit_floor(rows - 1);
}

// Calls tiles() for a number of rows that is known at run time only.
template <std::size_t R, std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
HWY_INLINE void tiles_of(std::size_t rows, tile_arguments<W>& t, std::size_t count, const float* in, float* out) {
  if (rows == R)
    tiles<R, P, L, K, S>(t, count, in, out);
  else if constexpr (R > 1)
    tiles_of<next_rows(R), P, L, K, S>(rows, t, count, in, out);
}

// Any number of positions, in tiles as equal as can be, for a tile of one row would run at a sixth of the speed:
// 49 = 4 * 6 + 5 * 5.
template <std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
HWY_NOINLINE void even_tiles(tile_arguments<W>& t, std::size_t positions, const float* in, float* out) {
  if (positions < (tile_rows + 1) / 2) {
    for (std::size_t rows; positions != 0; positions -= rows, in += rows * S, out += rows * t.out_stride) {
      rows = std::bit_floor(positions);
      tiles_of<tile_rows, P, L, K, S>(rows, t, 1, in, out);
    }
    return;
  }
  const std::size_t count = (positions + tile_rows - 1) / tile_rows;
  const std::size_t rows = positions / count;
  const std::size_t longer = positions % count;
  if (longer != 0) tiles_of<tile_rows, P, L, K, S>(rows + 1, t, longer, in, out);
  const std::size_t done = longer * (rows + 1);
  tiles_of<tile_rows, P, L, K, S>(rows, t, count - longer, in + done * S, out + done * t.out_stride);
}

// The same for many positions and rarer shapes: tiles of R, the last of which computes some positions again.
template <std::size_t R, std::size_t P, std::size_t L, std::size_t K, std::size_t S, class W>
HWY_NOINLINE void overlapping_tiles(tile_arguments<W>& t, std::size_t positions, const float* in, float* out) {
  if (positions < R) return tiles<1, P, L, K, S>(t, positions, in, out);
  tiles<R, P, L, K, S>(t, positions / R, in, out);
  const std::size_t last = positions - R;
  if (positions % R != 0) tiles<R, P, L, K, S>(t, 1, in + last * S, out + last * t.out_stride);
}

// The same for sums of few products: tiles of the height that costs least. The beginning and the end of a tile take as
// long as some three positions of it.
template <std::size_t P, std::size_t L, std::size_t K, std::size_t S>
void short_sum_tiles(tile_arguments<float>& t, std::size_t positions, const float* in, float* out) {
  constexpr std::size_t high = short_tile_rows<P, L>;
  constexpr std::size_t middle = std::max<std::size_t>(1, high * 4 / 7);
  constexpr std::size_t low = std::max<std::size_t>(1, high * 2 / 7);
  const auto cost = [=](std::size_t rows) { return (positions + rows - 1) / rows * (rows + 3); };
  if (positions >= high && cost(high) <= std::min(cost(middle), cost(low)))
    return overlapping_tiles<high, P, L, K, S>(t, positions, in, out);
  if (positions >= middle && cost(middle) <= cost(low))
    return overlapping_tiles<middle, P, L, K, S>(t, positions, in, out);
  overlapping_tiles<low, P, L, K, S>(t, positions, in, out);
}

// ---- pointwise ----

// Up to so many input channels, float16 weights are converted once per pair of panels, and not anew for each tile.
// AVX-512 converts with the units that multiply: in the tiles that costs 6 to 8 %, beside them 2 to 3 while the panels
// stay in the first-level cache. AVX2 has other units for it.
inline constexpr std::size_t widened_channels = tile_panels == 2 ? 256 : 0;

// Weights as W, for tiles that read them as T.
template <class T, class W>
void pointwise_panels(const pointwise_arguments& p) {
  const std::size_t panel_elements = p.in_channels * 16;
  const W* kernel = static_cast<const W*>(p.weights.kernel);
  alignas(64) [[maybe_unused]] float widened[std::is_same_v<T, W> ? 1 : tile_panels * widened_channels * 16];
  for (std::size_t panel = p.first_panel; panel < p.end_panel;) {
    const W* stored = kernel + panel * panel_elements;
    const std::size_t panels = std::min(tile_panels, p.end_panel - panel);
    const T* w;
    if constexpr (std::is_same_v<T, W>) {
      w = stored;
    } else {
      widen(p.weights, panel * panel_elements, panels * panel_elements, widened);
      w = widened;
    }
    tile_arguments<T> t{.segment_stride = p.in_block_stride,
                        .segments = p.in_channels / 16,
                        .tail = p.in_channels % 16,
                        .w = w,
                        .w_panel_stride = panel_elements,
                        .bias = p.weights.bias + panel * 16,
                        .out_stride = block_width(p.out_channels),
                        .out_panel_stride = p.out_block_stride,
                        .activation = p.activation};
    // Each panel's tiles fetch as many weights as they read, `ahead_bytes` further on: later panels, and later layers,
    // for the file has them in the order of their use. Where the end of the file is passed nothing happens.
    const std::size_t tile_count = (p.positions + tile_rows - 1) / tile_rows;
    const std::size_t lines = tile_panels * panel_elements * sizeof(W) / 64;
    t.ahead = reinterpret_cast<const char*>(stored) + ahead_bytes;
    t.ahead_end = t.ahead + lines * 64;
    t.ahead_lines = lines / std::max<std::size_t>(1, t.segments * tile_count) + 1;
    float* out = p.out + panel * p.out_block_stride;
    if (panels == tile_panels)
      even_tiles<tile_panels, tile_lanes, 16, 16>(t, p.positions, p.in, out);
    else
      overlapping_tiles<tile_rows, 1, tile_lanes, 16, 16>(t, p.positions, p.in, out);
    panel += panels;
    if (tile_lanes == 8 && p.out_channels > 8) {
      t.w += 8;
      t.bias += 8;
      even_tiles<1, tile_lanes, 16, 16>(t, p.positions, p.in, out + 8);
    }
  }
}

// From a block of 8 channels or fewer.
inline void pointwise_narrow(const pointwise_arguments& p) {
  alignas(64) float widened[8 * 16];
  const std::size_t out_stride = block_width(p.out_channels);
  for (std::size_t panel = p.first_panel; panel < p.end_panel; ++panel) {
    widen(p.weights, panel * p.in_channels * 16, p.in_channels * 16, widened);
    for (std::size_t lane = 0; lane < out_stride; lane += tile_lanes) {
      tile_arguments<float> t{.segment_stride = 0,
                              .segments = 0,
                              .tail = p.in_channels,
                              .w = widened + lane,
                              .w_panel_stride = 0,
                              .bias = p.weights.bias + panel * 16 + lane,
                              .out_stride = out_stride,
                              .out_panel_stride = p.out_block_stride,
                              .activation = p.activation};
      short_sum_tiles<1, tile_lanes, 16, 8>(t, p.positions, p.in, p.out + panel * p.out_block_stride + lane);
    }
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

// One output row of one block of channels, 3x3: what all its tiles share.
struct depthwise_row {
  const float* in[3];   // the input rows under the window that exist
  std::size_t rows;     // how many do
  const float* kernel;  // the first of those rows' weights
  const float* bias;
  std::size_t in_width, left;
  std::size_t lanes;  // to compute
  float* out;
  layers::range activation;
  const float* zeros;  // one position, for windows that reach one column past an edge
};

// Lanes to compute at a time, at most. With stride 1, registers of 16 measured 12 % slower than those of 8.
template <std::size_t Stride, std::size_t W>
inline constexpr std::size_t depthwise_lanes = Stride == 1 ? 8 : W;

// `count` tiles of C output columns from column x on; positions are W floats apart.
template <std::size_t C, std::size_t Stride, std::size_t W>
HWY_NOINLINE void depthwise_tiles(const depthwise_row& row, std::size_t count, std::size_t x) {
  const tag<depthwise_lanes<Stride, W>> d;  // one register
  using vec = hn::Vec<decltype(d)>;
  constexpr std::size_t columns = (C - 1) * Stride + 3;
  const vec low = hn::Set(d, row.activation.low);
  const vec high = hn::Set(d, row.activation.high);
  const std::size_t rows = row.rows;
  const std::size_t lanes = row.lanes;
  for (; count != 0; --count, x += C) {
    const bool before = x * Stride < row.left;
    const bool after = x * Stride + columns > row.in_width + row.left;
    // Signed: the first column may lie before the input.
    const auto first = static_cast<std::ptrdiff_t>((x * Stride - row.left) * W);
    for (std::size_t lane = 0; lane < lanes; lane += hn::MaxLanes(d)) {
      vec sums[C];
      MOBILENET_UNROLL
      for (std::size_t c = 0; c < C; ++c) sums[c] = hn::LoadU(d, row.bias + lane);
      const float* kernel = row.kernel + lane;
      for (std::size_t i = 0; i < rows; ++i, kernel += 3 * 16) {
        const float* in = row.in[i] + first + lane;
        const float* in_first = before ? row.zeros : in;
        const float* in_last = after ? row.zeros : in + (columns - 1) * W;
        vec w[3];
        MOBILENET_UNROLL
        for (std::size_t j = 0; j < 3; ++j) w[j] = hn::LoadU(d, kernel + j * 16);
        MOBILENET_UNROLL
        for (std::size_t column = 0; column < columns; ++column) {
          const vec value = hn::LoadU(d, column == 0 ? in_first : column == columns - 1 ? in_last : in + column * W);
          MOBILENET_UNROLL
          for (std::size_t j = 0; j < 3; ++j)
            if (column >= j && (column - j) % Stride == 0 && (column - j) / Stride < C)
              sums[(column - j) / Stride] = hn::MulAdd(value, w[j], sums[(column - j) / Stride]);
        }
      }
      float* out = row.out + x * W + lane;
      MOBILENET_UNROLL
      for (std::size_t c = 0; c < C; ++c) hn::StoreU(clamp(d, sums[c], low, high), d, out + c * W);
    }
  }
}

inline constexpr std::size_t tile_columns = 7;

// Calls depthwise_tiles() for a number of columns that is known at run time only: 7, 6, 5, 4, 2 or 1.
template <std::size_t C, std::size_t Stride>
HWY_INLINE void depthwise_tiles_of(std::size_t columns, const depthwise_row& row, std::size_t count, std::size_t x) {
  if (columns == C)
    depthwise_tiles<C, Stride, 16>(row, count, x);
  else if constexpr (C > 1)
    depthwise_tiles_of<(C > 4 ? C - 1 : C / 2), Stride>(columns, row, count, x);
}

// All columns of a row, in tiles as equal as can be.
template <std::size_t Stride>
void depthwise_columns(const depthwise_row& row, std::size_t columns, std::size_t width) {
  if (width == 8) {  // one layer of narrow networks
    if (columns < tile_columns) return depthwise_tiles<1, Stride, 8>(row, columns, 0);
    depthwise_tiles<tile_columns, Stride, 8>(row, columns / tile_columns, 0);
    if (columns % tile_columns != 0) depthwise_tiles<tile_columns, Stride, 8>(row, 1, columns - tile_columns);
    return;
  }
  if (columns < (tile_columns + 1) / 2) {
    for (std::size_t x = 0, some; x < columns; x += some)
      depthwise_tiles_of<tile_columns, Stride>(some = std::bit_floor(columns - x), row, 1, x);
    return;
  }
  const std::size_t count = (columns + tile_columns - 1) / tile_columns;
  const std::size_t some = columns / count;
  const std::size_t longer = columns % count;
  if (longer != 0) depthwise_tiles_of<tile_columns, Stride>(some + 1, row, longer, 0);
  depthwise_tiles_of<tile_columns, Stride>(some, row, count - longer, longer * (some + 1));
}

template <std::size_t Stride>
void depthwise_3x3(const depthwise_arguments& p) {
  alignas(64) const float zeros[16] = {};
  const std::size_t width = block_width(p.in_shape.channels);
  for (std::size_t block = 0; block * 16 < p.in_shape.channels; ++block) {
    alignas(64) float kernel[9 * 16];
    widen(p.weights, block * 9 * 16, 9 * 16, kernel);
    const float* in = p.in + block * p.in_rows * p.in_shape.width * width;
    depthwise_row row{.in = {},
                      .rows = 0,
                      .kernel = kernel,
                      .bias = p.weights.bias + block * 16,
                      .in_width = p.in_shape.width,
                      .left = p.window.pad.left,
                      .lanes = p.in_shape.channels - block * 16 > 8 ? std::size_t{16} : std::size_t{8},
                      .out = p.out + block * p.out_block_stride,
                      .activation = p.activation,
                      .zeros = zeros};
    for (std::size_t y = p.first_row; y < p.end_row; ++y, row.out += p.out_width * width) {
      row.rows = 0;
      for (std::size_t i = 3; i-- > 0;) {
        // Unsigned: rows above the input wrap to huge numbers and are outside too.
        const std::size_t in_y = y * Stride + i - p.window.pad.top;
        if (in_y >= p.in_shape.height) continue;
        row.in[2] = row.in[1];
        row.in[1] = row.in[0];
        row.in[0] = in + in_y % p.in_rows * p.in_shape.width * width;
        row.kernel = kernel + i * 3 * 16;
        ++row.rows;
      }
      depthwise_columns<Stride>(row, p.out_width, width);
      if (row.lanes < width)
        for (std::size_t x = 0; x < p.out_width; ++x) std::memset(row.out + x * 16 + 8, 0, 8 * sizeof(float));
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
  if (common && w.stride == 1)
    depthwise_3x3<1>(p);
  else if (common && w.stride == 2)
    depthwise_3x3<2>(p);
  else
    depthwise_any(p);
}

// ---- convolution that reads NHWC ----

// Output columns [first, end) of one output row, one position at a time.
template <class W>
void convolution_columns(const convolution_arguments& p, std::size_t panel, std::size_t y, std::size_t first,
                         std::size_t end, std::size_t lanes, float* out, std::size_t width) {
  const tag<8> d;
  constexpr std::size_t N = hn::MaxLanes(d);
  for (std::size_t x = first; x < end; ++x)
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
// Lanes [lane, lane + L) of P panels, all columns of the rows whose windows lie inside from left to right.
template <std::size_t P, std::size_t L>
void rgb_rows(const convolution_arguments& p, std::size_t panel, std::size_t lane) {
  const std::size_t width = block_width(p.out_channels);
  const std::size_t in_row = std::size_t{p.in_shape.width} * 3;
  alignas(64) float widened[P * 27 * 16];
  const float* kernel = static_cast<const float*>(p.weights.kernel) + panel * 27 * 16;
  if (p.weights.type == element::f16) {
    widen(p.weights, panel * 27 * 16, P * 27 * 16, widened);
    kernel = widened;
  }
  std::ptrdiff_t steps[27];
  for (std::size_t k = 0; k < 27; ++k)
    steps[k] = k % 9 == 8 ? static_cast<std::ptrdiff_t>(in_row) - 8 : std::ptrdiff_t{1};
  for (std::size_t y = p.first_row; y < p.end_row; ++y) {
    const inside in(p, y);
    if (!in.any()) continue;
    tile_arguments<float> t{.segment_stride = in_row,
                            .segments = in.end_row - in.first_row,
                            .tail = 0,
                            .w = kernel + in.first_row * 9 * 16 + lane,
                            .w_panel_stride = 27 * 16,
                            .bias = p.weights.bias + panel * 16 + lane,
                            .out_stride = width,
                            .out_panel_stride = p.out_rows * p.out_width * width,
                            .activation = p.activation,
                            .steps = steps};
    short_sum_tiles<P, L, 9, 6>(
        t, in.end_column - in.first_column,
        p.in + (y * 2 + in.first_row - p.window.pad.top) * in_row + (in.first_column * 2 - p.window.pad.left) * 3,
        p.out + ((panel * p.out_rows + y % p.out_rows) * p.out_width + in.first_column) * width + lane);
  }
}

inline void convolution(const convolution_arguments& p) noexcept {
  const std::size_t width = block_width(p.out_channels);
  const bool rgb = p.window.height == 3 && p.window.width == 3 && p.in_shape.channels == 3 && p.window.stride == 2;
  for (std::size_t panel = 0; rgb && panel * 16 < p.out_channels;) {
    const std::size_t channels = p.out_channels - panel * 16;
    if (tile_panels == 2 && channels > 24) {
      rgb_rows<tile_panels, 16>(p, panel, 0);
      panel += 2;
      continue;
    }
    if (tile_lanes == 16 && channels > 8) {
      rgb_rows<1, tile_lanes>(p, panel, 0);
    } else {
      rgb_rows<1, 8>(p, panel, 0);
      if (channels > 8) rgb_rows<1, 8>(p, panel, 8);
    }
    ++panel;
  }
  // The columns at the edges, or all columns of any other convolution.
  for (std::size_t y = p.first_row; y < p.end_row; ++y) {
    const inside in(p, y);
    const std::size_t begin = rgb && in.any() ? in.first_column : 0;
    const std::size_t end = rgb && in.any() ? in.end_column : 0;
    for (std::size_t panel = 0; panel * 16 < p.out_channels; ++panel) {
      float* out = p.out + (panel * p.out_rows + y % p.out_rows) * p.out_width * width;
      const std::size_t lanes = p.out_channels - panel * 16 > 8 ? 16 : 8;
      for (const auto& [from, to] : {std::pair{std::size_t{0}, begin}, std::pair{end, p.out_width}})
        p.weights.type == element::f16 ? convolution_columns<hwy::float16_t>(p, panel, y, from, to, lanes, out, width)
                                       : convolution_columns<float>(p, panel, y, from, to, lanes, out, width);
      if (lanes < width)
        for (std::size_t x = 0; x < p.out_width; ++x) std::memset(out + x * 16 + 8, 0, 8 * sizeof(float));
    }
  }
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
