// A whole packed model as one XNNPACK subgraph: XNNPACK as its own users run it, to measure our back end against.
#pragma once

#include <mobilenet/detail/unpack_kernel.hpp>
#include <mobilenet/model/packed_model.hpp>

#include <pthreadpool.h>
#include <xnnpack.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <variant>
#include <vector>

namespace mobilenet::benchmarks {

class xnnpack_subgraph {
 public:
  explicit xnnpack_subgraph(const packed_model& model, unsigned threads = 1) {
    check(xnn_initialize(nullptr));
    xnn_subgraph_t graph = nullptr;
    check(xnn_create_subgraph(2, 0, &graph));
    const std::unique_ptr<xnn_subgraph, xnn_status (*)(xnn_subgraph_t)> owner(graph, xnn_delete_subgraph);
    std::vector<std::vector<float>> kernels;  // until the runtime has packed them
    kernels.reserve(model.layers().size());
    input_ = tensor::create(model.input_shape()).value();
    output_ = tensor::create(model.output_shape()).value();

    std::uint32_t current = define(graph, nhwc(model.input_shape()), nullptr, 0, XNN_VALUE_FLAG_EXTERNAL_INPUT);
    for (const packed_layer& layer : model.layers()) {
      const bool last = &layer == &model.layers().back();
      const std::uint32_t out = define(graph, nhwc(layers::output_shape(layer.params)), nullptr,
                                       last ? 1 : XNN_INVALID_VALUE_ID, last ? XNN_VALUE_FLAG_EXTERNAL_OUTPUT : 0);
      std::visit([&](const auto& p) { add(graph, p, layer.weights, kernels, current, out); }, layer.params);
      current = out;
    }
    if (threads > 1) pool_.reset(pthreadpool_create(threads));
    xnn_runtime_t runtime = nullptr;
    check(xnn_create_runtime_v2(graph, pool_.get(), 0, &runtime));
    runtime_.reset(runtime);
    const std::array<xnn_external_value, 2> values{{{0, input_.data()}, {1, output_.data()}}};
    check(xnn_setup_runtime(runtime, values.size(), values.data()));
  }

  tensor_view input() { return input_.view(); }
  const float* run() {
    check(xnn_invoke_runtime(runtime_.get()));
    return output_.data();
  }

 private:
  using dimensions = std::vector<std::size_t>;

  static void check(xnn_status status) {
    if (status != xnn_status_success) throw std::runtime_error("XNNPACK: status " + std::to_string(status));
  }
  static dimensions nhwc(const shape& s) { return {1, s.height, s.width, s.channels}; }
  static std::uint32_t define(xnn_subgraph_t graph, const dimensions& dims, const float* data,
                              std::uint32_t external = XNN_INVALID_VALUE_ID, std::uint32_t flags = 0) {
    std::uint32_t id = 0;
    check(xnn_define_tensor_value(graph, xnn_datatype_fp32, dims.size(), dims.data(), data, external, flags, &id));
    return id;
  }
  // [channels][elements] for a convolution, [elements][channels] for a depthwise one.
  static const float* plain(const packed_weights& w, std::size_t elements, std::size_t channels, bool depthwise,
                            std::vector<std::vector<float>>& kernels) {
    auto& kernel = kernels.emplace_back(elements * channels);
    mobilenet::detail::for_each_kernel_value(w, elements, channels, [&](std::size_t e, std::size_t c, float value) {
      kernel[depthwise ? e * channels + c : c * elements + e] = value;
    });
    return kernel.data();
  }

  template <class Params>
  static void add(xnn_subgraph_t graph, const Params& p, const packed_weights& w,
                  std::vector<std::vector<float>>& kernels, std::uint32_t in, std::uint32_t out) {
    if constexpr (std::is_same_v<Params, layers::conv2d>) {
      const std::size_t elements = std::size_t{p.kernel_height} * p.kernel_width * p.in.channels;
      const auto filter = define(graph, {p.out_channels, p.kernel_height, p.kernel_width, p.in.channels},
                                 plain(w, elements, p.out_channels, false, kernels));
      const auto bias = define(graph, {p.out_channels}, w.bias);
      check(xnn_define_convolution_2d(graph, p.pad.top, p.pad.right, p.pad.bottom, p.pad.left, p.kernel_height,
                                      p.kernel_width, p.stride, p.stride, 1, 1, 1, p.in.channels, p.out_channels,
                                      p.bounds.low, p.bounds.high, in, filter, bias, out, 0));
    } else if constexpr (std::is_same_v<Params, layers::depthwise_conv2d>) {
      const auto filter = define(graph, {1, p.kernel_height, p.kernel_width, p.in.channels},
                                 plain(w, std::size_t{p.kernel_height} * p.kernel_width, p.in.channels, true, kernels));
      const auto bias = define(graph, {p.in.channels}, w.bias);
      check(xnn_define_depthwise_convolution_2d(graph, p.pad.top, p.pad.right, p.pad.bottom, p.pad.left,
                                                p.kernel_height, p.kernel_width, p.stride, p.stride, 1, 1, 1,
                                                p.in.channels, p.bounds.low, p.bounds.high, in, filter, bias, out, 0));
    } else if constexpr (std::is_same_v<Params, layers::pointwise_conv2d> || std::is_same_v<Params, layers::dense>) {
      add(graph, layers::conv2d{p.in, p.out_channels, 1, 1, 1, {}, p.bounds}, w, kernels, in, out);
    } else if constexpr (std::is_same_v<Params, layers::global_average_pool>) {
      check(xnn_define_global_average_pooling_2d(graph, -HUGE_VALF, HUGE_VALF, in, out, 0));
    } else if constexpr (std::is_same_v<Params, layers::sigmoid>) {
      check(xnn_define_sigmoid(graph, in, out, 0));
    } else {
      check(xnn_define_softmax(graph, in, out, 0));
    }
  }

  struct runtime_deleter {
    void operator()(xnn_runtime* runtime) const { (void)xnn_delete_runtime(runtime); }
  };
  struct pool_deleter {
    void operator()(pthreadpool* pool) const { pthreadpool_destroy(pool); }
  };
  tensor input_;
  tensor output_;
  std::unique_ptr<pthreadpool, pool_deleter> pool_;
  std::unique_ptr<xnn_runtime, runtime_deleter> runtime_;
};

}  // namespace mobilenet::benchmarks
