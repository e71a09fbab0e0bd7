// The library's namespace. Its inline part encodes whether exceptions are enabled, so that functions which take a
// type of the library fail to link between translation units compiled with different settings.
#pragma once

#include <mobilenet/version.hpp>

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
