// Packed MobileNets v1 with random weights, 224×224 and 1000 classes, each made once.
#pragma once

#include <tests/support/mobilenet_v1.hpp>

#include <mobilenet/model/packed_model.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace mobilenet::benchmarks {

inline const packed_model& synthetic(int alpha_percent) {
  struct entry {
    std::vector<std::byte> bytes;
    packed_model model;
  };
  static std::array<entry, 101> models;
  entry& e = models.at(static_cast<std::size_t>(alpha_percent));
  if (e.bytes.empty()) {
    e.bytes = tools::write_packed_model(test::mobilenet_v1(alpha_percent / 100.0, 224, 1000)).value();
    e.model = packed_model::from_bytes(e.bytes).value();
  }
  return e.model;
}

/// Registers run(state, alpha_percent, threads) under a name that says both.
template <class Run>
void add_benchmark(const std::string& name, int alpha_percent, unsigned threads, Run run) {
  const std::string full = name + "/alpha:" + std::to_string(alpha_percent) + "/threads:" + std::to_string(threads);
  benchmark::RegisterBenchmark(full.c_str(), run, alpha_percent, threads)->Unit(benchmark::kMillisecond)->UseRealTime();
}

}  // namespace mobilenet::benchmarks
