// RapidJSON with an allocator that says when there is no memory: its own gives null, and nothing of RapidJSON asks.
#pragma once

#include "text.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

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
    if (grown == nullptr) throw std::bad_alloc();
    return grown;
  }
  static void Free(void* memory) { std::free(memory); }
};

using json_pool = rapidjson::MemoryPoolAllocator<throwing_allocator>;
using json_node = rapidjson::GenericValue<rapidjson::UTF8<>, json_pool>;
using json_tree = rapidjson::GenericDocument<rapidjson::UTF8<>, json_pool, throwing_allocator>;
using json_buffer = rapidjson::GenericStringBuffer<rapidjson::UTF8<>, throwing_allocator>;
using json_writer = rapidjson::Writer<json_buffer, rapidjson::UTF8<>, rapidjson::UTF8<>, throwing_allocator>;

/// Text from outside; bytes that are no UTF-8 are replaced, as in to_utf8().
inline void write_string(json_writer& json, std::string_view text) {
  const std::string valid = to_utf8(text);
  json.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

}  // namespace mobilenet::tools
