// The kernels of backends/simd.hpp, compiled once in a program that defines MOBILENET_SIMD_SEPARATE.
#ifndef MOBILENET_SIMD_SEPARATE
#define MOBILENET_SIMD_SEPARATE
#endif
#define MOBILENET_SIMD_IMPLEMENTATION
#include <mobilenet/backends/simd/kernels.hpp>
