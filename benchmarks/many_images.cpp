// Images a second: 64 images of the model's own size, decoded already, one after the other or by a classifier_pool.
#include "support/backends.hpp"
#include "support/synthetic.hpp"

#include <mobilenet/classifier_pool.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace mobilenet;

constexpr std::uint32_t side = 224;

struct photos {
  std::vector<std::vector<std::uint8_t>> pixels;
  std::vector<image_view> views;

  photos() : pixels(64) {
    std::uint32_t noise = 1;
    for (auto& one : pixels) {
      one.resize(std::size_t{side} * side * 3);
      for (auto& value : one) value = static_cast<std::uint8_t>((noise = noise * 1664525 + 1013904223) >> 24);
      views.push_back({one.data(), side, side, std::size_t{side} * 3});
    }
  }
};

void report(benchmark::State& state, std::size_t images) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(images));
}

template <class B>
void one_by_one(benchmark::State& state, int alpha_percent, unsigned threads) {
  const photos images;
  const packed_model& model = benchmarks::synthetic(alpha_percent);
  auto one = classifier<B>::share(model, {.open = {}, .run = {.threads = threads}}).value();
  for (auto _ : state)
    for (const auto& image : images.views) benchmark::DoNotOptimize(one.classify(image));
  report(state, images.views.size());
}

template <class B>
void pool(benchmark::State& state, int alpha_percent, unsigned threads) {
  const photos images;
  const packed_model& model = benchmarks::synthetic(alpha_percent);
  auto all = classifier_pool<B>::share(model, {.open = {}, .classifiers = threads, .run = {}}).value();
  for (auto _ : state) benchmark::DoNotOptimize(all.classify(images.views));
  report(state, images.views.size());
}

}  // namespace

int main(int argc, char** argv) {
  benchmarks::for_each_backend([&]<class B>() {
    if (std::string(B::name) == "reference") return;
    for (const int alpha : {25, 100})
      for (const unsigned threads : {1u, 2u}) {
        benchmarks::add_benchmark(std::string(B::name) + "/one_by_one", alpha, threads, one_by_one<B>);
        benchmarks::add_benchmark(std::string(B::name) + "/pool", alpha, threads, pool<B>);
      }
  });
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
