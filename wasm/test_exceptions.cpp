// The C++ library for WebAssembly is built without exceptions. In the tests, which are not, one that is thrown says so
// and ends the program: a failed test.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <typeinfo>

extern "C" {

void* __cxa_allocate_exception(std::size_t size) { return std::malloc(size); }
void __cxa_free_exception(void* memory) { std::free(memory); }

void __cxa_throw(void* thrown, std::type_info* type, void (*)(void*)) {
  std::fprintf(stderr, "an exception was thrown: %s\n", type->name());
  // That of result::value() and those of the C++ library derive from std::exception first; others end the program too.
  std::fprintf(stderr, "%s\n", static_cast<std::exception*>(thrown)->what());
  std::abort();
}

void __cxa_rethrow() { std::abort(); }
void* __cxa_begin_catch(void* thrown) noexcept { return thrown; }
void __cxa_end_catch() {}
}
