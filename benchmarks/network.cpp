// The whole network, tensor in, probabilities out: every back end, every width; beside them XNNPACK's own subgraph
// of the same network, and the processor's multiply-add peak measured in the same run.
//
// peak_share is the part of that peak, over all threads, that a run reaches.
#include "support/backends.hpp"
#include "support/fma_peak.hpp"
#include "support/synthetic.hpp"
#if MOBILENET_WITH_XNNPACK
#include "support/xnnpack_subgraph.hpp"
#endif

#include <mobilenet/network.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>

namespace {

using namespace mobilenet;

double peak() {
  static const double rate = benchmarks::measure_fma_peak().multiply_adds;
  return rate;
}

std::uint64_t multiply_adds(const packed_model& model) {
  std::uint64_t sum = 0;
  for (const node& n : model.nodes()) sum += layers::multiply_adds(n.layer);
  return sum;
}

void fill(tensor_view<float> input) {
  for (std::uint32_t i = 0; i < input.dimensions.elements(); ++i) input.data[i] = format::self_test_input(i);
}

void report(benchmark::State& state, const packed_model& model, unsigned threads) {
  const double total = static_cast<double>(multiply_adds(model)) * static_cast<double>(state.iterations());
  state.counters["multiply_adds"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
  state.counters["peak_share"] = benchmark::Counter(total / (peak() * threads), benchmark::Counter::kIsRate);
}

template <class B>
void run_backend(benchmark::State& state, int alpha_percent, unsigned threads) {
  const packed_model& model = benchmarks::synthetic(alpha_percent);
  auto net = network<B>::prepare(model, {threads}).value();
  fill(net.input());
  benchmark::DoNotOptimize(net.run());
  for (auto _ : state) benchmark::DoNotOptimize(net.run());
  report(state, model, threads);
}

#if MOBILENET_WITH_XNNPACK
void run_subgraph(benchmark::State& state, int alpha_percent, unsigned threads) {
  const packed_model& model = benchmarks::synthetic(alpha_percent);
  benchmarks::xnnpack_subgraph graph(model, threads);
  fill(graph.input());
  benchmark::DoNotOptimize(graph.run());
  for (auto _ : state) benchmark::DoNotOptimize(graph.run());
  report(state, model, threads);
}
#endif

}  // namespace

int main(int argc, char** argv) {
  for (const int alpha : {25, 50, 75, 100})
    for (const unsigned threads : {1u, 2u}) {
      benchmarks::for_each_backend([&]<class B>() {
        if (!std::is_same_v<B, reference> || threads == 1)
          benchmarks::add_benchmark(std::string(B::name), alpha, threads, run_backend<B>);
      });
#if MOBILENET_WITH_XNNPACK
      benchmarks::add_benchmark("xnnpack_subgraph", alpha, threads, run_subgraph);
#endif
    }
  benchmark::Initialize(&argc, argv);
  benchmark::AddCustomContext("fma_peak", std::to_string(peak() * 1e-9) + " G multiply-adds/s per core, " +
                                              benchmarks::measure_fma_peak().name);
  benchmark::RunSpecifiedBenchmarks();
}
