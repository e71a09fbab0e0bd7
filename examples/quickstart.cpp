// The program of the README: names what is in a photo.
//
//   quickstart model.mnet photo.jpg
#include <mobilenet/backends/simd.hpp>
#include <mobilenet/image/decode_image.hpp>
#include <mobilenet/mobilenet.hpp>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s model.mnet photo.jpg\n", argv[0]);
    return 2;
  }
  auto classifier = mobilenet::classifier<mobilenet::simd>::open(argv[1]).value();
  const auto file = mobilenet::mapped_file::open(argv[2]).value();
  const auto photo = mobilenet::decode_image(file.bytes()).value();
  for (const auto& [index, name, probability] : classifier.classify(photo).value())
    std::printf("%5.1f %%  %.*s\n", 100.0 * probability, static_cast<int>(name.size()), name.data());
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
