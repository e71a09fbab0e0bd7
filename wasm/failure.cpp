#include "failure.hpp"

#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

namespace {

std::string message;
std::string_view code;
mobilenet::wasm::bytes_view message_view, code_view;
std::size_t refused_bytes = 0;

// Built without exceptions, the C++ library would go on with a null pointer.
void* allocate_or_trap(std::size_t bytes, std::size_t alignment) {
  void* memory = alignment == 0 ? std::malloc(bytes)
                                : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory != nullptr || bytes == 0) return memory;
  refused_bytes = bytes;
  __builtin_trap();
}

}  // namespace

namespace mobilenet::wasm {

status fail(const error& e) {
  message = e.message;
  code = to_string(e.code);
  return 1 + static_cast<status>(e.code);
}

}  // namespace mobilenet::wasm

const mobilenet::wasm::bytes_view* mobilenet_wasm_message() {
  message_view = {message.data(), message.size()};
  return &message_view;
}
const mobilenet::wasm::bytes_view* mobilenet_wasm_code() {
  code_view = {code.data(), code.size()};
  return &code_view;
}
std::size_t mobilenet_wasm_out_of_memory() { return refused_bytes; }

void* operator new(std::size_t bytes) { return allocate_or_trap(bytes == 0 ? 1 : bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_trap(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes == 0 ? 1 : bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto multiple = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(multiple, (bytes + multiple - 1) / multiple * multiple);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
