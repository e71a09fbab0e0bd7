// From a path to a network that is ready to run: map, validate, prepare. The file is in the page cache.
#include "support/backends.hpp"

#include <tests/support/mobilenet_v1.hpp>

#include <mobilenet/model/open.hpp>
#include <mobilenet/network.hpp>

#include "cli/write_file.hpp"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

namespace {

using namespace mobilenet;

constexpr const char* path = "load_benchmark.mnet";

template <class B>
void open_and_prepare(benchmark::State& state) {
  for (auto _ : state) {
    const auto model = open_model(path).value();
    auto net = network<B>::prepare(model).value();
    benchmark::DoNotOptimize(net);
  }
}

// The call after: it takes the page faults of the mapping and of the activations.
template <class B>
void first_run(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    const auto model = open_model(path).value();
    auto net = network<B>::prepare(model).value();
    for (std::uint32_t i = 0; i < net.input_type().elements(); ++i) net.input().data[i] = 0.5f;
    state.ResumeTiming();
    benchmark::DoNotOptimize(net.run());
  }
}

void open_only(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(open_model(path).value());
}

void open_and_verify(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(open_model(path, {page_in::on_demand, true}).value());
}

}  // namespace

int main(int argc, char** argv) {
  tools::write_file(path, tools::write_packed_model(test::mobilenet_v1(1.0, 224, 1000)).value()).value();
  benchmark::RegisterBenchmark("open", open_only)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("open_and_verify_checksums", open_and_verify)->Unit(benchmark::kMillisecond);
  benchmarks::for_each_backend([]<class B>() {
    const std::string name(B::name);
    benchmark::RegisterBenchmark(("open_and_prepare/" + name).c_str(), open_and_prepare<B>)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("first_run/" + name).c_str(), first_run<B>)->Unit(benchmark::kMillisecond);
  });
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  std::remove(path);
}
