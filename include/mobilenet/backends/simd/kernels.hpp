// The kernels' interface: arguments, one table of functions per instruction set, and their compilation.
//
// kernels-inl.hpp is compiled once for each of Highway's targets, which takes some 15 seconds. A program that defines
// MOBILENET_SIMD_SEPARATE in all of its translation units compiles them once, in <mobilenet/compiled/simd.cpp>; the
// CMake and Meson targets do so. Without the macro they are compiled inside each translation unit that includes
// simd.hpp. Highway allows that once per translation unit: a program with Highway kernels of its own needs the macro.
#pragma once

#include <mobilenet/backends/simd/target.hpp>
#include <mobilenet/layers/geometry.hpp>
#include <mobilenet/layers/weights.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

MOBILENET_NAMESPACE_BEGIN
namespace simd_kernels {

/// Lanes of one position in an activation: channels come in blocks of 16, [ceil(c/16)][h][w][16]. Activations
/// with at most 8 channels have one block of 8, [1][h][w][8].
constexpr std::size_t block_width(std::size_t channels) noexcept { return channels <= 8 ? 8 : 16; }

/// Positions times channels: in [ceil(in_channels/16)][positions][16] to panels [first_panel, end_panel) of
/// out [ceil(out_channels/16)][positions][16]. Blocks may lie further apart than their positions need. The second half of
/// the last block is neither read nor written if no channels lie there.
struct pointwise_arguments {
  const float* in;
  std::size_t in_block_stride;  ///< floats
  std::size_t positions;
  std::size_t in_channels;
  mobilenet::weights weights;
  float* out;
  std::size_t out_block_stride;  ///< floats
  std::size_t out_channels;
  std::size_t first_panel, end_panel;
  layers::range activation;
  /// A value that is added before the activation, laid out as the output from its first position on; null: nothing.
  const float* added = nullptr;
  std::size_t added_block_stride = 0;  ///< floats

  /// What is added to one panel of the output.
  const float* added_to(std::size_t panel) const noexcept {
    return added == nullptr ? nullptr : added + panel * added_block_stride;
  }
};

/// Output rows [first_row, end_row) of every block of channels; `out` is where first_row of block 0 goes. The
/// input's buffer has in_rows rows: row y of the input is row y % in_rows of the buffer.
struct depthwise_arguments {
  const float* in;
  std::size_t in_rows;
  shape in_shape;
  layers::window window;
  mobilenet::weights weights;
  float* out;
  std::size_t out_width;
  std::size_t out_block_stride;  ///< floats
  std::size_t first_row, end_row;
  layers::range activation;
};

/// Output rows [first_row, end_row) of a convolution that reads NHWC; row y is row y % out_rows of the output's buffer.
struct convolution_arguments {
  const float* in;
  shape in_shape;
  layers::window window;
  mobilenet::weights weights;
  float* out;
  std::size_t out_rows;
  std::size_t out_width, out_channels;
  std::size_t first_row, end_row;
  layers::range activation;
};

/// Panels [first_panel, end_panel) of a matrix-vector product.
struct dense_arguments {
  const float* in;
  std::size_t in_channels;
  mobilenet::weights weights;
  float* out;
  std::size_t first_panel, end_panel;
  layers::range activation;
};

/// out[i] = clamp(in[0][i] + in[1][i]) for `count` floats, a multiple of 8.
struct add_arguments {
  std::array<const float*, 2> in;
  std::size_t count;
  float* out;
  layers::range activation;
};

/// One instruction set's kernels. A null table entry does not occur.
struct table {
  simd_target target;
  void (*pointwise)(const pointwise_arguments&) noexcept;
  void (*depthwise)(const depthwise_arguments&) noexcept;
  void (*convolution)(const convolution_arguments&) noexcept;
  void (*dense)(const dense_arguments&) noexcept;
  void (*add)(const add_arguments&) noexcept;
  void (*average)(const float* in, std::size_t positions, std::size_t channels, float* out) noexcept;
  void (*softmax)(const float* in, std::size_t count, float* out) noexcept;
};

/// A target's kernels; null if they were not compiled.
inline const table* find_kernels(simd_target target) noexcept;

}  // namespace simd_kernels
MOBILENET_NAMESPACE_END

#if defined(MOBILENET_SIMD_SEPARATE)
namespace mobilenet::compiled {
// Outside of the inline namespace, whose parts have the same table: one unit may be compiled with exceptions and the
// other without.
const void* find_simd_kernels(unsigned char target) noexcept;
}  // namespace mobilenet::compiled
#endif

#if !defined(MOBILENET_SIMD_SEPARATE) || defined(MOBILENET_SIMD_IMPLEMENTATION)

#if defined(HIGHWAY_HWY_FOREACH_TARGET_H_)
#error \
    "<mobilenet/backends/simd.hpp> compiles its kernels once per Highway target, and this translation unit already does so for kernels of its own (hwy/foreach_target.h): define MOBILENET_SIMD_SEPARATE in the whole program, and add mobilenet/compiled/simd.cpp to its sources"
#elif defined(HWY_HIGHWAY_INCLUDED)
#error \
    "include <mobilenet/backends/simd.hpp> before <hwy/highway.h>; or define MOBILENET_SIMD_SEPARATE in the whole program, and add mobilenet/compiled/simd.cpp to its sources"
#endif

// Targets that would only cost compile time: SSSE3 and AVX3_DL have nothing more for these kernels than SSE4 and
// AVX3, and SVE's registers of unknown length cannot form the arrays that a register tile is. On the processors
// that have SVE, of 128 or 256 bits, NEON reaches the same peak.
#if !defined(HWY_DISABLED_TARGETS)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <mobilenet/backends/simd/kernels-inl.hpp>
#include <hwy/foreach_target.h>

#include <mobilenet/backends/simd/kernels-inl.hpp>

MOBILENET_NAMESPACE_BEGIN
namespace simd_kernels {

inline const table* compiled_kernels(simd_target target) noexcept {
  switch (target) {
    // Where the compiler is allowed more than a target's instructions (-march=native), Highway leaves it out.
    case simd_target::baseline:
#if HWY_TARGETS & HWY_SCALAR
      return &N_SCALAR::kernels;
#elif HWY_TARGETS & HWY_EMU128
      return &N_EMU128::kernels;
#elif defined(HWY_SSE2) && (HWY_TARGETS & HWY_SSE2)
      return &N_SSE2::kernels;
#elif !HWY_ARCH_X86 && !HWY_ARCH_ARM
      return &HWY_STATIC_DISPATCH(kernels);
#else
      return nullptr;
#endif
    case simd_target::sse4:
#if HWY_TARGETS & HWY_SSE4
      return &N_SSE4::kernels;
#else
      return nullptr;
#endif
    case simd_target::avx2:
#if HWY_TARGETS & HWY_AVX2
      return &N_AVX2::kernels;
#else
      return nullptr;
#endif
    case simd_target::avx512:
#if HWY_TARGETS & HWY_AVX3
      return &N_AVX3::kernels;
#elif HWY_ARCH_X86 && HWY_STATIC_TARGET < HWY_AVX3
      return &HWY_STATIC_DISPATCH(kernels);
#else
      return nullptr;
#endif
    case simd_target::neon:
#if HWY_TARGETS & HWY_NEON
      return &N_NEON::kernels;
#elif HWY_ARCH_ARM && HWY_STATIC_TARGET != HWY_SCALAR && HWY_STATIC_TARGET != HWY_EMU128
      return &HWY_STATIC_DISPATCH(kernels);
#else
      return nullptr;
#endif
  }
  return nullptr;
}

}  // namespace simd_kernels
MOBILENET_NAMESPACE_END

#if HWY_TARGETS & (HWY_TARGETS - 1)
// Otherwise a later foreach_target.h would do nothing, without a word.
#undef HWY_EXPORT
#define HWY_EXPORT(function)                                                                              \
  static_assert(false,                                                                                    \
                "<mobilenet/backends/simd.hpp> has used this translation unit's one pass over Highway's " \
                "targets: define MOBILENET_SIMD_SEPARATE in the whole program, and add "                  \
                "mobilenet/compiled/simd.cpp to its sources")
#endif

#if defined(MOBILENET_SIMD_SEPARATE)
namespace mobilenet::compiled {
const void* find_simd_kernels(unsigned char target) noexcept {
  return simd_kernels::compiled_kernels(static_cast<simd_target>(target));
}
}  // namespace mobilenet::compiled
#endif

#endif

MOBILENET_NAMESPACE_BEGIN
namespace simd_kernels {

inline const table* find_kernels(simd_target target) noexcept {
#if defined(MOBILENET_SIMD_SEPARATE)
  return static_cast<const table*>(compiled::find_simd_kernels(static_cast<unsigned char>(target)));
#else
  return compiled_kernels(target);
#endif
}

}  // namespace simd_kernels
MOBILENET_NAMESPACE_END
