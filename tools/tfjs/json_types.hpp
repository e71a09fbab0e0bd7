// RapidJSON with an allocator that throws when memory is exhausted: its own returns null, which RapidJSON never checks.
// Built without exceptions, it ends the program.
#pragma once

#include <mobilenet/namespace.hpp>

#include <rapidjson/document.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace mobilenet::tools {

struct throwing_allocator {
  static constexpr bool kNeedFree = true;
  void* Malloc(std::size_t size) { return Realloc(nullptr, 0, size); }
  void* Realloc(void* memory, std::size_t, std::size_t size) {
    if (size == 0) {
      std::free(memory);
      return nullptr;
    }
    void* grown = std::realloc(memory, size);
#if MOBILENET_EXCEPTIONS
    if (grown == nullptr) throw std::bad_alloc();
#else
    if (grown == nullptr) std::abort();
#endif
    return grown;
  }
  static void Free(void* memory) { std::free(memory); }
};

using json_pool = rapidjson::MemoryPoolAllocator<throwing_allocator>;
using json_node = rapidjson::GenericValue<rapidjson::UTF8<>, json_pool>;
using json_tree = rapidjson::GenericDocument<rapidjson::UTF8<>, json_pool, throwing_allocator>;

}  // namespace mobilenet::tools
