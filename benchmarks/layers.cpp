// Each kind of layer alone, at the sizes that it has in MobileNet v1 and v2 1.0-224, on every back end.
#include "support/backends.hpp"

#include <tests/support/random_layer.hpp>

#include <mobilenet/backend.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace mobilenet;

template <class B, class Layer>
void run_layer(benchmark::State& state, const Layer& layer) {
  test::random_floats values(1);
  const auto weights = test::random_weights(layer, values);
  auto context = B::context::create({}).value();
  auto op = B::template op<Layer>::prepare(context, layer, weights.view()).value();
  buffer in[2];
  for (buffer& b : in) {
    b = buffer::create(B::bytes(layer.in), "input").value();
    values.fill(b.as<float>(), b.size() / sizeof(float), 0.0f, 6.0f);
  }
  buffer out = buffer::create(B::bytes(layer.output_shape()), "output").value();
  const operands io{{in[0].data(), in[1].data()}, out.data()};
  op.run(context, io);
  for (auto _ : state) {
    op.run(context, io);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  if (const auto work = layers::multiply_adds(layer); work > 0)
    state.counters["multiply_adds"] = benchmark::Counter(
        static_cast<double>(work) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

template <class B, class Layer>
void add(const Layer& layer, const std::string& variant = {}) {
  const std::string name = std::string(Layer::name) + variant + "/" + to_string(layer.in) + "_to_" +
                           to_string(layer.output_shape()) + "/" + std::string(B::name);
  benchmark::RegisterBenchmark(name.c_str(), [layer](benchmark::State& state) {
    run_layer<B>(state, layer);
  })->Unit(benchmark::kMicrosecond);
}

template <class B>
void add_all() {
  const auto window = [](const shape& in, std::uint32_t stride) {
    return layers::window{3, 3, stride, layers::same_padding(in, 3, 3, stride)};
  };
  const shape photo{224, 224, 3};
  add<B>(layers::conv2d{photo, 32, window(photo, 2), layers::relu6});
  for (const shape in : {shape{112, 112, 32}, {56, 56, 128}, {28, 28, 256}, {14, 14, 512}, {7, 7, 1024}})
    add<B>(layers::depthwise_conv2d{in, window(in, 1), layers::relu6}, "_stride1");
  for (const shape in : {shape{112, 112, 64}, {56, 56, 128}, {28, 28, 256}, {14, 14, 512}})
    add<B>(layers::depthwise_conv2d{in, window(in, 2), layers::relu6}, "_stride2");
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
                                {{7, 7, 1024}, 1024},
                                // v2: expansions and projections
                                {{112, 112, 32}, 16},
                                {{112, 112, 16}, 96},
                                {{56, 56, 96}, 24},
                                {{56, 56, 24}, 144},
                                {{28, 28, 144}, 32},
                                {{28, 28, 32}, 192},
                                {{14, 14, 384}, 64},
                                {{14, 14, 64}, 384},
                                {{7, 7, 960}, 160},
                                {{7, 7, 160}, 960},
                                {{7, 7, 320}, 1280}})
    add<B>(layers::pointwise_conv2d{in, out, layers::relu6});
  for (const shape in : {shape{56, 56, 24}, {14, 14, 64}}) add<B>(layers::add{in});
  add<B>(layers::global_average_pool{{7, 7, 1024}});
  add<B>(layers::dense{{1, 1, 1024}, 1000});
}

}  // namespace

int main(int argc, char** argv) {
  benchmarks::for_each_backend([]<class B>() { add_all<B>(); });
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
