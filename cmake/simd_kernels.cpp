// The simd back end's kernels, compiled once for all programs of this project: see CMakeLists.txt.
#define MOBILENET_SIMD_IMPLEMENTATION
#include <mobilenet/backends/simd.hpp>
