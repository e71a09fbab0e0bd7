// Which instruction sets the kernels are compiled for, and which of them this processor has.
#pragma once

#include <mobilenet/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

MOBILENET_NAMESPACE_BEGIN

/// An instruction set that the simd back end's kernels may be compiled for, slowest first.
enum class simd_target : std::uint8_t {
  baseline,  ///< what every processor of the architecture has: "sse2" on x86
  sse4,      ///< SSE4.2
  avx2,      ///< AVX2, FMA and F16C
  avx512,    ///< AVX-512 F, BW, DQ and VL
  neon,      ///< Armv8 Advanced SIMD
};
inline constexpr std::size_t simd_targets = 5;

/// "avx2" and so on: what MOBILENET_SIMD takes.
constexpr std::string_view to_string(simd_target target) noexcept {
#if defined(__x86_64__) || defined(__i386__)
  constexpr std::string_view baseline = "sse2";
#else
  constexpr std::string_view baseline = "scalar";
#endif
  constexpr std::array<std::string_view, simd_targets> names{baseline, "sse4", "avx2", "avx512", "neon"};
  return names[static_cast<std::size_t>(target)];
}

/// Whether this processor, and its operating system, can run a target's instructions. Asks the processor
/// itself, so it works where /proc and /sys are not mounted.
inline bool processor_has(simd_target target) noexcept {
  if (target == simd_target::baseline) return true;
#if defined(__x86_64__) || defined(__i386__)
  struct registers {
    unsigned a = 0, b = 0, c = 0, d = 0;
  };
  const auto cpuid = [](unsigned leaf) {
    registers r;
    return __get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d) != 0 ? r : registers{};
  };
  const auto all = [](unsigned value, std::initializer_list<int> bits) {
    for (const int bit : bits)
      if ((value >> bit & 1u) == 0) return false;
    return true;
  };
  const registers features = cpuid(1);
  const registers extended = cpuid(7);
  if (!all(features.c, {0, 9, 19, 20})) return false;  // SSE3, SSSE3, SSE4.1, SSE4.2
  if (target == simd_target::sse4) return true;
  if (target == simd_target::neon) return false;

  if (!all(features.c, {27})) return false;  // OSXSAVE: without it xgetbv is no instruction
  unsigned saved_low = 0;
  unsigned saved_high = 0;
  __asm__("xgetbv" : "=a"(saved_low), "=d"(saved_high) : "c"(0));
  const bool saves_ymm = all(saved_low, {1, 2});
  const bool saves_zmm = saves_ymm && all(saved_low, {5, 6, 7});
  const bool avx2 =
      saves_ymm && all(features.c, {12, 28, 29}) && all(extended.b, {3, 5, 8});  // FMA AVX F16C; BMI AVX2 BMI2
  if (target == simd_target::avx2) return avx2;
  return avx2 && saves_zmm && all(extended.b, {16, 17, 30, 31});  // AVX-512 F, DQ, BW, VL
#elif defined(__aarch64__)
  return target == simd_target::neon;  // part of the architecture
#else
  return false;
#endif
}

MOBILENET_NAMESPACE_END
