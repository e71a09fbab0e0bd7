// The oracle itself, against hand-computed sums and against the formula written once more, plainly.
#include "support/random_layer.hpp"

#include <mobilenet/backends/reference.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using namespace mobilenet;
using test::layer_weights;
using test::random_floats;

template <class Layer>
std::vector<float> run(const Layer& layer, const weights& w, const std::vector<float>& in,
                       const std::vector<float>& second = {}) {
  auto context = reference::context::create({}).value();
  auto op = reference::op<Layer>::prepare(context, layer, w).value();
  std::vector<float> out(layer.output_shape().elements());
  op.run(context, {{in.data(), second.data()}, out.data()});
  return out;
}

TEST_CASE("SAME with stride 2 on an even input pads below and right only") {
  CHECK(layers::same_padding({224, 224, 3}, 3, 3, 2) == layers::padding{0, 0, 1, 1});
  CHECK(layers::same_padding({7, 7, 3}, 3, 3, 2) == layers::padding{1, 1, 1, 1});
  CHECK(layers::same_padding({7, 8, 3}, 3, 3, 1) == layers::padding{1, 1, 1, 1});
  CHECK(layers::same_padding({1, 1, 3}, 3, 3, 2) == layers::padding{1, 1, 1, 1});
  CHECK(layers::same_padding({5, 5, 3}, 1, 1, 2) == layers::padding{0, 0, 0, 0});
}

TEST_CASE("a depthwise sum a worked example: 3x3 on a 2x2 image, stride 2, SAME") {
  // The window lies at rows 0..2, columns 0..2 of the image: its first two rows and columns see pixels.
  const layers::depthwise_conv2d params{{2, 2, 1}, 3, 3, 2, layers::same_padding({2, 2, 1}, 3, 3, 2), {}};
  CHECK(params.output_shape() == shape{1, 1, 1});
  float kernel[9 * 16] = {};
  for (int i = 0; i < 9; ++i) kernel[i * 16] = static_cast<float>(i + 1);  // 1 2 3 / 4 5 6 / 7 8 9
  float bias[16] = {100.0f};
  const auto out = run(params, {kernel, element::f32, bias}, {10, 20, 30, 40});
  CHECK(out[0] == 100.0f + 10 * 1 + 20 * 2 + 30 * 4 + 40 * 5);
}

TEST_CASE("a clamped pointwise sum a worked example") {
  const layers::pointwise_conv2d params{{1, 2, 2}, 2, layers::relu6};
  float kernel[2 * 16] = {};
  kernel[0] = 1.0f, kernel[1] = -1.0f;     // input channel 0 to outputs 0 and 1
  kernel[16] = 10.0f, kernel[17] = -1.0f;  // input channel 1
  float bias[16] = {0.5f, 0.5f};
  const auto out = run(params, {kernel, element::f32, bias}, {1, 0.25f, 1, 1});
  CHECK(out == std::vector<float>{4.0f, 0.0f, 6.0f, 0.0f});
}

TEST_CASE("a convolution equals its formula") {
  const shape in{6, 7, 3};
  const layers::conv2d params{in, 20, 3, 3, 2, layers::same_padding(in, 3, 3, 2), {-0.5f, 0.75f}};
  random_floats values(7);
  const layer_weights weights = test::random_weights(params, values);
  std::vector<float> pixels(in.elements());
  values.fill(pixels.data(), pixels.size(), -1.0f, 1.0f);
  const auto out = run(params, weights.view(), pixels);
  const auto* kernel = static_cast<const float*>(weights.view().kernel);
  const shape size = params.output_shape();
  REQUIRE(size == shape{3, 4, 20});
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 4; ++x)
      for (int o = 0; o < 20; ++o) {
        double sum = weights.view().bias[o];
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j)
            for (int c = 0; c < 3; ++c) {
              const int row = y * 2 + i - static_cast<int>(params.window.pad.top);
              const int column = x * 2 + j - static_cast<int>(params.window.pad.left);
              if (row < 0 || row >= 6 || column < 0 || column >= 7) continue;
              sum += static_cast<double>(pixels[static_cast<std::size_t>((row * 7 + column) * 3 + c)]) *
                     static_cast<double>(kernel[((o / 16 * 9 + i * 3 + j) * 3 + c) * 16 + o % 16]);
            }
        const double clamped = std::clamp(sum, -0.5, 0.75);
        CHECK(out[static_cast<std::size_t>((y * 4 + x) * 20 + o)] == doctest::Approx(clamped).epsilon(1e-6));
      }
}

TEST_CASE("softmax and pooling: worked examples") {
  const auto p = run(layers::softmax{{1, 1, 2}}, {}, {std::log(3.0f), 0.0f});
  CHECK(p[0] == doctest::Approx(0.75));
  CHECK(p[1] == doctest::Approx(0.25));
  const std::vector<float> in{1, 30, 3, 10};
  CHECK(run(layers::global_average_pool{{2, 1, 2}}, {}, in) == std::vector<float>{2.0f, 20.0f});
  CHECK(run(layers::global_max_pool{{2, 1, 2}}, {}, in) == std::vector<float>{3.0f, 30.0f});
}

TEST_CASE("an addition: a worked example") {
  CHECK(run(layers::add{{1, 2, 2}, {}, layers::relu6}, {}, {1, -2, 3, 4}, {1, 1, -1, 4}) ==
        std::vector<float>{2.0f, 0.0f, 2.0f, 6.0f});
}

TEST_CASE("activation functions: worked examples") {
  const auto of = [](layers::function f, float x, float alpha = 0.0f) {
    return static_cast<double>(run(layers::activation{{1, 1, 1}, f, alpha}, {}, {x})[0]);
  };
  using enum layers::function;
  CHECK(of(sigmoid, std::log(3.0f)) == doctest::Approx(0.75));
  CHECK(of(tanh, 0.5f) == doctest::Approx(0.46211716));
  CHECK(of(elu, -1.0f, 0.5f) == doctest::Approx(0.5 * (std::exp(-1.0) - 1)));
  CHECK(of(elu, 2.0f, 0.5f) == 2.0);
  CHECK(of(selu, -1.0f) == doctest::Approx(-1.1113307));
  CHECK(of(selu, 1.0f) == doctest::Approx(1.0507010));
  CHECK(of(exponential, 2.0f) == doctest::Approx(std::exp(2.0)));
  CHECK(of(softplus, 0.0f) == doctest::Approx(std::log(2.0)));
  CHECK(of(softplus, 1000.0f) == 1000.0);
  CHECK(of(softsign, -3.0f) == doctest::Approx(-0.75));
  CHECK(of(swish, 1.0f) == doctest::Approx(0.73105858));
  CHECK(of(gelu, 1.0f) == doctest::Approx(0.84134475));
  CHECK(of(gelu_tanh, 1.0f) == doctest::Approx(0.84119199));
  CHECK(of(hard_sigmoid, 1.0f, 0.2f) == doctest::Approx(0.7));
  CHECK(of(hard_sigmoid, -3.0f, 0.2f) == 0.0);
  CHECK(of(hard_sigmoid, 3.0f, 0.2f) == 1.0);
  CHECK(of(leaky_relu, -2.0f, 0.25f) == -0.5);
  CHECK(of(mish, 1.0f) == doctest::Approx(0.86509839));
}

}  // namespace
