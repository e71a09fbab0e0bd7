// decode_image_damaged ROUNDS FILE...: decodes each file as it is, and ROUNDS times with random damage.
//
// What MemorySanitizer runs instead of libFuzzer, whose C++ library is not instrumented: hence files through C.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::uint8_t> read(const char* path) {
  std::vector<std::uint8_t> bytes;
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return bytes;
  for (int c; (c = std::fgetc(file)) != EOF;) bytes.push_back(static_cast<std::uint8_t>(c));
  std::fclose(file);
  return bytes;
}

/// A few bytes changed, or the end cut off.
std::vector<std::uint8_t> damaged(std::vector<std::uint8_t> bytes, std::mt19937& random) {
  for (std::size_t changes = 1 + random() % 4; changes > 0; --changes)
    bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random() % 4 == 0 ? 0xff : random());
  if (random() % 8 == 0) bytes.resize(1 + random() % bytes.size());
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  const long rounds = argc > 2 ? std::atol(argv[1]) : 0;
  std::size_t decoded = 0;
  for (int i = 2; i < argc; ++i) {
    const auto bytes = read(argv[i]);
    if (bytes.empty()) return std::fprintf(stderr, "%s: cannot be read, or empty\n", argv[i]), 2;
    std::printf("%s\n", argv[i]);
    std::fflush(stdout);  // so that the last line names the file that ends the program
    std::mt19937 random(1);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    for (long round = 0; round < rounds; ++round) {
      const auto changed = damaged(bytes, random);
      LLVMFuzzerTestOneInput(changed.data(), changed.size());
    }
    decoded += 1 + static_cast<std::size_t>(rounds);
  }
  std::printf("%zu inputs\n", decoded);
  return decoded == 0 ? 2 : 0;
}
