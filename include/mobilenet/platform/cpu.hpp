// Which vector instructions this processor has.
#pragma once

#include <mobilenet/namespace.hpp>

#include <initializer_list>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

MOBILENET_NAMESPACE_BEGIN

/// The instruction sets that kernels are compiled for. Each is set only if the operating system saves its registers.
struct cpu_features {
  bool sse4 = false;    ///< SSE4.2 and everything before it
  bool avx2 = false;    ///< AVX2, FMA, F16C, BMI and BMI2
  bool avx512 = false;  ///< AVX-512 F, DQ, BW and VL
  bool neon = false;    ///< Armv8 Advanced SIMD
};

/// Reads the processor's own registers, so it works without /proc and /sys.
inline cpu_features detect_cpu_features() noexcept {
  cpu_features found;
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

  found.sse4 = all(features.c, {0, 9, 19, 20});             // SSE3, SSSE3, SSE4.1, SSE4.2
  if (!found.sse4 || !all(features.c, {27})) return found;  // without OSXSAVE, xgetbv is not an instruction
  unsigned saved_low = 0;
  unsigned saved_high = 0;
  __asm__("xgetbv" : "=a"(saved_low), "=d"(saved_high) : "c"(0));
  const bool saves_ymm = all(saved_low, {1, 2});
  const bool saves_zmm = saves_ymm && all(saved_low, {5, 6, 7});

  found.avx2 = saves_ymm && all(features.c, {12, 28, 29}) && all(extended.b, {3, 5, 8});  // FMA AVX F16C; BMI AVX2 BMI2
  found.avx512 = found.avx2 && saves_zmm && all(extended.b, {16, 17, 30, 31});            // F, DQ, BW, VL
#elif defined(__aarch64__)
  found.neon = true;  // part of the architecture
#endif
  return found;
}

MOBILENET_NAMESPACE_END
