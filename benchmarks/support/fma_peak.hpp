// How many multiply-adds a second one core of this machine can do at all: the line that no kernel can pass.
#pragma once

#include <chrono>
#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mobilenet::benchmarks {

struct fma_rate {
  const char* name;      ///< "avx512", "avx2", ...
  double multiply_adds;  ///< per second and core, float32
};

namespace detail {

// Twelve independent chains, enough to fill two units of four or five cycles' latency. They start at different
// values, or the compiler would compute one of them and take it for all.
#define MOBILENET_FMA_CHAINS(TYPE, SET, FMA, LANES)                                    \
  TYPE a0 = SET(0.0f), a1 = SET(0.1f), a2 = SET(0.2f), a3 = SET(0.3f), a4 = SET(0.4f); \
  TYPE a5 = SET(0.5f), a6 = SET(0.6f), a7 = SET(0.7f), a8 = SET(0.8f), a9 = SET(0.9f); \
  TYPE a10 = SET(1.1f), a11 = SET(1.2f);                                               \
  const TYPE x = SET(0.999f), y = SET(0.001f);                                         \
  for (std::size_t i = 0; i < rounds; ++i) {                                           \
    a0 = FMA(a0, x, y);                                                                \
    a1 = FMA(a1, x, y);                                                                \
    a2 = FMA(a2, x, y);                                                                \
    a3 = FMA(a3, x, y);                                                                \
    a4 = FMA(a4, x, y);                                                                \
    a5 = FMA(a5, x, y);                                                                \
    a6 = FMA(a6, x, y);                                                                \
    a7 = FMA(a7, x, y);                                                                \
    a8 = FMA(a8, x, y);                                                                \
    a9 = FMA(a9, x, y);                                                                \
    a10 = FMA(a10, x, y);                                                              \
    a11 = FMA(a11, x, y);                                                              \
  }                                                                                    \
  asm volatile("" ::"x"(a0), "x"(a1), "x"(a2), "x"(a3), "x"(a4), "x"(a5));             \
  asm volatile("" ::"x"(a6), "x"(a7), "x"(a8), "x"(a9), "x"(a10), "x"(a11));           \
  return static_cast<double>(rounds) * 12 * LANES;

#if defined(__x86_64__)
__attribute__((target("avx512f"), noinline)) inline double run_avx512(std::size_t rounds) {
  MOBILENET_FMA_CHAINS(__m512, _mm512_set1_ps, _mm512_fmadd_ps, 16)
}
__attribute__((target("avx2,fma"), noinline)) inline double run_avx2(std::size_t rounds) {
  MOBILENET_FMA_CHAINS(__m256, _mm256_set1_ps, _mm256_fmadd_ps, 8)
}
#endif
inline double run_scalar(std::size_t rounds) {
  const auto set = [](float v) { return v; };
  const auto fma = [](float a, float b, float c) { return a * b + c; };
#if defined(__x86_64__)
  MOBILENET_FMA_CHAINS(float, set, fma, 1)
#else
  float a = set(0.1f);
  for (std::size_t i = 0; i < rounds; ++i) a = fma(a, 0.999f, 0.001f);
  volatile float sink = a;
  (void)sink;
  return static_cast<double>(rounds);
#endif
}
#undef MOBILENET_FMA_CHAINS

inline double best_rate(double (*run)(std::size_t)) {
  double best = 0.0;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const double done = run(200'000);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = done / took.count() > best ? done / took.count() : best;
  }
  return best;
}

}  // namespace detail

/// Measures the widest instructions this processor has; 20 ms.
inline fma_rate measure_fma_peak() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {"avx512", detail::best_rate(detail::run_avx512)};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {"avx2", detail::best_rate(detail::run_avx2)};
#endif
  return {"scalar", detail::best_rate(detail::run_scalar)};
}

}  // namespace mobilenet::benchmarks
