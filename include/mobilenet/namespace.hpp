// What the library needs of the compiler, and its namespace. The inline part of the namespace encodes whether exceptions
// are enabled, so that functions which take a type of the library fail to link between translation units compiled with
// different settings.
#pragma once

#include <mobilenet/version.hpp>

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "mobilenet needs C++20: compile with -std=c++20 (/std:c++20)"
#endif

#if defined(__FAST_MATH__) && !defined(MOBILENET_ALLOW_FAST_MATH)
#error \
    "-ffast-math: the answers would differ from TensorFlow.js's, and damaged models could pass the checks for NaN; compile without it, or define MOBILENET_ALLOW_FAST_MATH to accept that"
#endif

#if defined(__cpp_exceptions)
#define MOBILENET_EXCEPTIONS 1
#define MOBILENET_NAMESPACE_BEGIN \
  namespace mobilenet {           \
  inline namespace v0_exceptions {
#else
#define MOBILENET_EXCEPTIONS 0
#define MOBILENET_NAMESPACE_BEGIN \
  namespace mobilenet {           \
  inline namespace v0_no_exceptions {
#endif
#define MOBILENET_NAMESPACE_END \
  }                             \
  }
