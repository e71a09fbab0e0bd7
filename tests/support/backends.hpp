// The back ends that this build has, for tests whose one body runs over all of them.
#pragma once

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/platform/processors.hpp>

#include <initializer_list>
#include <vector>

#if MOBILENET_WITH_EIGEN
#include <mobilenet/backends/eigen.hpp>
#define MOBILENET_TEST_EIGEN , mobilenet::eigen
#else
#define MOBILENET_TEST_EIGEN
#endif
#if MOBILENET_WITH_XNNPACK
#include <mobilenet/backends/xnnpack.hpp>
#define MOBILENET_TEST_XNNPACK , mobilenet::xnnpack
#else
#define MOBILENET_TEST_XNNPACK
#endif
#if MOBILENET_WITH_SIMD
#include <mobilenet/backends/simd.hpp>
#define MOBILENET_TEST_SIMD , mobilenet::simd
#else
#define MOBILENET_TEST_SIMD
#endif

/// For TEST_CASE_TEMPLATE(name, B, MOBILENET_TEST_BACKENDS).
#define MOBILENET_TEST_BACKENDS mobilenet::reference MOBILENET_TEST_EIGEN MOBILENET_TEST_XNNPACK MOBILENET_TEST_SIMD

namespace support {

/// Those of the numbers of threads that the platform has: 1 without threads.
inline std::vector<unsigned> thread_counts(std::initializer_list<unsigned> counts) {
  std::vector<unsigned> possible;
  for (const unsigned count : counts)
    if (MOBILENET_HAS_THREADS || count == 1) possible.push_back(count);
  return possible;
}

}  // namespace support
