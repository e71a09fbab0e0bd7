// The simd back end: kernels of our own, computing straight from the mapped weights.
//
// Google Highway, headers only. The kernels are compiled for several instruction sets, and the best one that the
// processor has is chosen when a context is created; the environment variable MOBILENET_SIMD overrides that choice,
// for tests: sse2, sse4, avx2, avx512, neon. Programs need no -m flags.
//
// Between layers, activations are blocks of 16 channels: [ceil(c/16)][h][w][16], and [1][h][w][8] if there are at most
// 8 channels. Lanes past the last channel hold numbers without meaning. docs/kernels.md explains why.
#pragma once

#include <mobilenet/backends/simd/fused.hpp>
#include <mobilenet/backends/simd/operations.hpp>

MOBILENET_NAMESPACE_BEGIN

static_assert(backend<simd>);

MOBILENET_NAMESPACE_END
