// Our back ends, and XNNPACK's own subgraph, as one of the systems that compare.py runs: see README.md.
//
//   peer_runner model.mnet reference|eigen|xnnpack|xnnpack_subgraph|simd|fma_peak THREADS
#include "../support/backends.hpp"
#include "../support/fma_peak.hpp"
#if MOBILENET_WITH_XNNPACK
#include "../support/xnnpack_subgraph.hpp"
#endif

#include <mobilenet/model/open.hpp>
#include <mobilenet/network.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace {

using namespace mobilenet;
using stopwatch = std::chrono::steady_clock;

double milliseconds_since(stopwatch::time_point start) {
  return std::chrono::duration<double, std::milli>(stopwatch::now() - start).count();
}

double resident_megabytes() {
  long total = 0;
  long resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * 4096e-6;
}

void fill(tensor_view<float> input) {
  for (std::uint32_t i = 0; i < input.dimensions.elements(); ++i) input.data[i] = format::self_test_input(i);
}

// Computes the network once and returns its output.
using inference = std::function<std::span<const float>()>;

template <class System>
inference keep(System&& system, std::size_t outputs) {
  auto owned = std::make_shared<std::remove_reference_t<System>>(std::forward<System>(system));
  fill(owned->input());
  return [owned, outputs] { return std::span(&owned->run()[0], outputs); };
}

// A "run" of the peak: the time this network would take if every cycle multiplied and added.
inference fma_peak_of(const packed_model& model, double& took) {
  std::uint64_t work = 0;
  for (const node& n : model.nodes()) work += layers::multiply_adds(n.layer);
  return [=, &took] {
    took = static_cast<double>(work) / benchmarks::measure_fma_peak().multiply_adds * 1e3;
    return std::span<const float>();
  };
}

int run(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: peer_runner model.mnet BACKEND THREADS\n", stderr);
    return 2;
  }
  const std::string_view wanted = argv[2];
  const auto threads = static_cast<unsigned>(std::atoi(argv[3]));
  const auto start = stopwatch::now();
  const auto model = open_model(argv[1]).value();
  const std::size_t outputs = model.output_type().elements();
  inference infer;
  double peak_ms = 0.0;
  if (wanted == "fma_peak") infer = fma_peak_of(model, peak_ms);
#if MOBILENET_WITH_XNNPACK
  if (wanted == "xnnpack_subgraph") infer = keep(benchmarks::xnnpack_subgraph(model, threads), outputs);
#endif
  benchmarks::for_each_backend([&]<class B>() {
    if (wanted == B::name) infer = keep(network<B>::prepare(model, {threads}).value(), outputs);
  });
  if (!infer) {
    std::fprintf(stderr, "peer_runner: no back end \"%s\" in this build\n", argv[2]);
    return 2;
  }
  const double load = milliseconds_since(start);
  const auto first = stopwatch::now();
  const std::span<const float> output = infer();
  std::printf("{\"load_ms\":%.3f,\"first_ms\":%.3f,\"rss_mb\":%.1f,\"output\":[", load, milliseconds_since(first),
              resident_megabytes());
  for (const float& value : output) std::printf(&value == output.data() ? "%.9g" : ",%.9g", static_cast<double>(value));
  std::puts("]}");
  std::fflush(stdout);

  char line[32];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    const int runs = std::atoi(line);
    std::putchar('[');
    for (int i = 0; i < runs; ++i) {
      const auto begin = stopwatch::now();
      infer();
      std::printf(i == 0 ? "%.4f" : ",%.4f", wanted == "fma_peak" ? peak_ms / threads : milliseconds_since(begin));
    }
    std::puts("]");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "peer_runner: %s\n", e.what());
    return 1;
  }
}
