// Decodes an image and computes a layer with exceptions; the other unit does both without.
#include <mobilenet/backends/simd.hpp>
#include <mobilenet/image/decode_image.hpp>

#include <cstddef>
#include <string>

std::string message_without_exceptions();
float sum_without_exceptions(const float* values, std::size_t count);

namespace {

bool decoders_agree() {
  try {
    static_cast<void>(mobilenet::decode_image({}).value());
  } catch (const mobilenet::exception& e) {
    return e.what() == message_without_exceptions();
  }
  return false;
}

bool kernels_agree() {
  const float values[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  float doubled[16];
  const auto* kernels = mobilenet::simd_kernels::find_kernels(mobilenet::simd_target::baseline);
  kernels->add({.in = {values, values}, .count = 16, .out = doubled, .activation = {}});
  return doubled[15] == 32 && sum_without_exceptions(values, 16) == 2 * 136;
}

}  // namespace

int main() { return decoders_agree() && kernels_agree() ? 0 : 1; }
