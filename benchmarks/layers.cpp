// Each kind of layer alone, at the sizes that it has in MobileNet v1 1.0-224, on every back end.
#include "support/backends.hpp"

#include <tests/support/random_layer.hpp>

#include <mobilenet/backend.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

namespace {

using namespace mobilenet;

template <class B, class Layer, class Params>
void run_layer(benchmark::State& state, const Params& params) {
  test::random_floats values(1);
  const auto weights = test::random_weights(params, values);
  auto context = B::context::create({}).value();
  auto layer = Layer::prepare(context, params, weights.view()).value();
  const auto floats = [](const shape& s) { return static_cast<std::uint32_t>(B::activation_elements(s)); };
  tensor in = tensor::create({1, 1, floats(params.in)}).value();
  values.fill(in.data(), in.dimensions().elements(), 0.0f, 6.0f);
  tensor out = tensor::create({1, 1, floats(params.output_shape())}).value();
  layer.run(context, in.data(), out.data());
  for (auto _ : state) {
    layer.run(context, in.data(), out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  if (params.multiply_adds() > 0)
    state.counters["multiply_adds"] =
        benchmark::Counter(static_cast<double>(params.multiply_adds()) * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate);
}

template <class B, class Layer, class Params>
void add(const std::string& kind, const Params& params) {
  const std::string name =
      kind + "/" + to_string(params.in) + "_to_" + to_string(params.output_shape()) + "/" + std::string(B::name);
  benchmark::RegisterBenchmark(name.c_str(), [params](benchmark::State& state) {
    run_layer<B, Layer>(state, params);
  })->Unit(benchmark::kMicrosecond);
}

template <class B>
void add_all() {
  const shape photo{224, 224, 3};
  add<B, typename B::conv2d>("conv2d",
                             layers::conv2d{photo, 32, 3, 3, 2, layers::same_padding(photo, 3, 3, 2), layers::relu6});
  for (const shape in : {shape{112, 112, 32}, {56, 56, 128}, {28, 28, 256}, {14, 14, 512}, {7, 7, 1024}})
    add<B, typename B::depthwise_conv2d>(
        "depthwise_conv2d_stride1",
        layers::depthwise_conv2d{in, 3, 3, 1, layers::same_padding(in, 3, 3, 1), layers::relu6});
  for (const shape in : {shape{112, 112, 64}, {56, 56, 128}, {28, 28, 256}, {14, 14, 512}})
    add<B, typename B::depthwise_conv2d>(
        "depthwise_conv2d_stride2",
        layers::depthwise_conv2d{in, 3, 3, 2, layers::same_padding(in, 3, 3, 2), layers::relu6});
  struct pointwise {
    shape in;
    std::uint32_t out;
  };
  for (const auto& [in, out] : {pointwise{{112, 112, 32}, 64},
                                {{56, 56, 64}, 128},
                                {{56, 56, 128}, 128},
                                {{28, 28, 128}, 256},
                                {{28, 28, 256}, 256},
                                {{14, 14, 256}, 512},
                                {{14, 14, 512}, 512},
                                {{7, 7, 512}, 1024},
                                {{7, 7, 1024}, 1024}})
    add<B, typename B::pointwise_conv2d>("pointwise_conv2d", layers::pointwise_conv2d{in, out, layers::relu6});
  add<B, typename B::global_average_pool>("global_average_pool", layers::global_average_pool{{7, 7, 1024}});
  add<B, typename B::dense>("dense", layers::dense{{1, 1, 1024}, 1000, {}});
  add<B, typename B::softmax>("softmax", layers::softmax{{1, 1, 1000}});
  add<B, typename B::sigmoid>("sigmoid", layers::sigmoid{{1, 1, 1000}});
}

}  // namespace

int main(int argc, char** argv) {
  benchmarks::for_each_backend([]<class B>() { add_all<B>(); });
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
