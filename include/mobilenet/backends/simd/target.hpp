// Which instruction sets the kernels are compiled for, and which of them this processor has.
#pragma once

#include <mobilenet/platform/cpu.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

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

/// Whether this processor and its operating system can run a target's instructions.
inline bool processor_has(simd_target target) noexcept {
  const cpu_features cpu = detect_cpu_features();
  switch (target) {
    case simd_target::baseline: return true;
    case simd_target::sse4: return cpu.sse4;
    case simd_target::avx2: return cpu.avx2;
    case simd_target::avx512: return cpu.avx512;
    case simd_target::neon: return cpu.neon;
  }
  return false;
}

MOBILENET_NAMESPACE_END
