// Counts heap allocations and resident memory: a warm network must take none and grow by none.
// A program of its own, because it replaces malloc.
#include "support/backends.hpp"
#include "support/mobilenet_v1.hpp"

#include <mobilenet/classifier.hpp>

#include <doctest/doctest.h>

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

// Sanitizers and valgrind bring their own malloc; the counts are taken in the plain build.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {
std::atomic<std::size_t> allocations{0};
}

extern "C" {
void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* p, std::size_t size) {
  ++allocations;
  return __libc_realloc(p, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t size) {
  ++allocations;
  *p = __libc_memalign(alignment, size);
  return *p == nullptr ? 12 : 0;
}
}

namespace {

using namespace mobilenet;

// Pages of this process's own; those of files (the program itself, the C library) come in whenever first touched.
std::size_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  REQUIRE(file != nullptr);
  char line[256];
  long kibibytes = -1;
  while (kibibytes < 0 && std::fgets(line, sizeof line, file) != nullptr)
    (void)std::sscanf(line, "RssAnon: %ld kB", &kibibytes);
  std::fclose(file);
  REQUIRE(kibibytes > 0);
  return static_cast<std::size_t>(kibibytes) * 1024;
}

TEST_CASE("the counters count") {
  const std::size_t before = allocations;
  std::vector<int> v(1000);
  CHECK(v.size() == 1000);
  CHECK(allocations == before + 1);
}

TEST_CASE_TEMPLATE("a warm classification allocates nothing", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = tools::write_packed_model(test::mobilenet_v1(0.5, 64, 100)).value();
  const std::vector<std::uint8_t> pixels(std::size_t{80} * 60 * 3, 100);
  for (const unsigned threads : {1u, 2u}) {
    auto c = classifier<B>::from_bytes(bytes, {{}, {threads}}).value();
    const auto image = packed_view(pixels.data(), 80, 60);
    REQUIRE(c.run(image));
    const std::size_t before = allocations;
    for (int i = 0; i < 10; ++i) {
      (void)c.run(image);
      (void)c.embedding(image);
    }
    CHECK(allocations == before);
  }
}

TEST_CASE_TEMPLATE("a thousand classifications leave memory where it was after the tenth", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = tools::write_packed_model(test::mobilenet_v1(0.25, 32, 10)).value();
  auto c = classifier<B>::from_bytes(bytes).value();
  std::vector<std::uint8_t> pixels(std::size_t{64} * 48 * 3, 100);
  const auto image = packed_view(pixels.data(), 64, 48);
  std::size_t after_ten = 0;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(c.classify(image).value().size() == 3);
    if (i == 9) after_ten = resident_bytes();
  }
  CHECK(resident_bytes() <= after_ten + 16 * 1024);
}

TEST_CASE("preparing the reference back end copies no weights") {
  const auto bytes = tools::write_packed_model(test::mobilenet_v1(1.0, 32, 1000)).value();
  const auto before = mallinfo2();
  const auto model = packed_model::from_bytes(bytes).value();
  auto net = network<reference>::prepare(model).value();
  const auto after = mallinfo2();
  const std::size_t taken = (after.uordblks + after.hblkhd) - (before.uordblks + before.hblkhd);
  CHECK(bytes.size() > 16'000'000);
  CHECK(taken < 200'000);  // activations of a 32x32 input and the layer list
}

}  // namespace
