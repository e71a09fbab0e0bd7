// Pixels to tensor, and bytes to pixels. Photos for the decoder are files of the caller's:
//
//   preprocess_benchmark photo.jpg other.png [benchmark options]
#include <mobilenet/image/decode_image.hpp>
#if MOBILENET_WITH_DECODE_TURBOJPEG
#include <mobilenet/image/decode_turbojpeg.hpp>
#endif
#include <mobilenet/preprocess.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using namespace mobilenet;

void resize(benchmark::State& state, std::uint32_t width, std::uint32_t height, const preprocessing& profile) {
  std::vector<std::uint8_t> pixels(std::size_t{width} * height * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 2654435761u >> 24);
  tensor out = tensor::create({224, 224, 3}).value();
  preprocessor prepare(profile);
  for (auto _ : state) {
    prepare(packed_view(pixels.data(), width, height), out.view()).value();
    benchmark::ClobberMemory();
  }
}

void decode(benchmark::State& state, const std::string& path, const auto& decoder, const decode_options& options = {}) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto first = decoder(std::as_bytes(std::span(bytes)), options);
  if (!first) return state.SkipWithError(first.error().message.c_str());
  for (auto _ : state) benchmark::DoNotOptimize(decoder(std::as_bytes(std::span(bytes)), options));
  state.counters["pixels"] = benchmark::Counter(
      static_cast<double>(first->width()) * first->height() * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

}  // namespace

int main(int argc, char** argv) {
  struct size {
    std::uint32_t width;
    std::uint32_t height;
  };
  for (const auto& [width, height] : {size{224, 224}, {640, 480}, {1920, 1080}, {4000, 3000}}) {
    const std::string name = "preprocess/" + std::to_string(width) + "x" + std::to_string(height);
    for (const auto& [profile, suffix] :
         {std::pair{preprocessing{}, "/layers"}, {preprocessing::to_range(0, 1), "/graph"}})
      benchmark::RegisterBenchmark((name + suffix).c_str(), [=](benchmark::State& state) {
        resize(state, width, height, profile);
      })->Unit(benchmark::kMicrosecond);
  }
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    benchmark::RegisterBenchmark(("decode/" + path).c_str(), [=](benchmark::State& state) {
      decode(state, path, decode_image);
    })->Unit(benchmark::kMicrosecond);
#if MOBILENET_WITH_DECODE_TURBOJPEG
    benchmark::RegisterBenchmark(("decode_turbojpeg/" + path).c_str(), [=](benchmark::State& state) {
      decode(state, path, decode_turbojpeg);
    })->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(("decode_turbojpeg_scaled/" + path).c_str(), [=](benchmark::State& state) {
      decode(state, path, decode_turbojpeg, {.smallest_side = 2 * 224});
    })->Unit(benchmark::kMicrosecond);
#endif
  }
  benchmark::RunSpecifiedBenchmarks();
}
