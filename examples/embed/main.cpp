// A host application in small: it has a canvas of its own, in the format of its window system, and guesses what
// the user drew in a part of it. The model is in the executable; the pixels are read where they are.
#include "fashion.mnet.hpp"

#include <mobilenet/backends/simd.hpp>
#include <mobilenet/mobilenet.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

/// What toolkits call ARGB32: 8-bit blue, green, red, alpha, and rows that end in unused bytes.
class canvas {
 public:
  canvas(std::uint32_t width, std::uint32_t height) : stride_(std::size_t{width} * 4 + 64), pixels_(stride_ * height) {}

  void fill(std::uint32_t left, std::uint32_t top, std::uint32_t right, std::uint32_t bottom, std::uint8_t brightness) {
    for (std::uint32_t y = top; y < bottom; ++y)
      std::fill_n(&pixels_[y * stride_ + left * 4], (right - left) * 4, brightness);
  }

  /// A rectangle of it, without a copy.
  mobilenet::image_view selection(std::uint32_t left, std::uint32_t top, std::uint32_t size) const {
    return {&pixels_[top * stride_ + left * 4], size, size, stride_, mobilenet::pixel_format::bgra};
  }

 private:
  std::size_t stride_;
  std::vector<std::uint8_t> pixels_;
};

/// A pair of trousers, drawn with three rectangles at (left, top), 280 by 280.
void draw_trousers(canvas& on, std::uint32_t left, std::uint32_t top) {
  on.fill(left + 80, top + 10, left + 200, top + 70, 200);
  on.fill(left + 80, top + 70, left + 130, top + 270, 190);
  on.fill(left + 150, top + 70, left + 200, top + 270, 190);
}

}  // namespace

int main() {
  auto classifier = mobilenet::classifier<mobilenet::simd>::from_bytes(fashion());
  if (!classifier) {
    std::fprintf(stderr, "%s\n", classifier.error().message.c_str());
    return 1;
  }

  canvas window(640, 480);
  draw_trousers(window, 100, 50);

  const auto guesses = classifier->classify(window.selection(100, 50, 280));
  if (!guesses) {
    std::fprintf(stderr, "%s\n", guesses.error().message.c_str());
    return 1;
  }
  for (const auto& [index, name, probability] : *guesses)
    std::printf("%5.1f %%  %.*s\n", 100.0 * static_cast<double>(probability), static_cast<int>(name.size()),
                name.data());
}
