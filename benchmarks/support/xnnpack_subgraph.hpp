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
#include <string>
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
    kernels.reserve(model.nodes().size());
    input_ = tensor::create(model.input_type()).value();
    output_ = tensor::create(model.output_type()).value();

    std::vector<std::uint32_t> values{
        define(graph, nhwc(model.input_type()), nullptr, 0, XNN_VALUE_FLAG_EXTERNAL_INPUT)};
    for (const node& n : model.nodes()) {
      const bool last = values.size() == model.nodes().size();
      const std::uint32_t out = define(graph, nhwc(layers::output_type(n.layer)), nullptr,
                                       last ? 1 : XNN_INVALID_VALUE_ID, last ? XNN_VALUE_FLAG_EXTERNAL_OUTPUT : 0);
      const std::array<std::uint32_t, 2> in{values[n.inputs[0]],
                                            n.inputs[1] == no_value ? values[n.inputs[0]] : values[n.inputs[1]]};
      std::visit([&](const auto& layer) { add(graph, layer, n.weights, kernels, in, out); }, n.layer);
      values.push_back(out);
    }
    if (threads > 1) pool_.reset(pthreadpool_create(threads));
    xnn_runtime_t runtime = nullptr;
    check(xnn_create_runtime_v2(graph, pool_.get(), 0, &runtime));
    runtime_.reset(runtime);
    const std::array<xnn_external_value, 2> ends{{{0, input_.data()}, {1, output_.data()}}};
    check(xnn_setup_runtime(runtime, ends.size(), ends.data()));
  }

  tensor_view<float> input() { return input_.view(); }
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
  static const float* plain(const weights& w, std::size_t elements, std::size_t channels, bool depthwise,
                            std::vector<std::vector<float>>& kernels) {
    auto& kernel = kernels.emplace_back(elements * channels);
    mobilenet::detail::for_each_kernel_value(w, elements, channels, [&](std::size_t e, std::size_t c, float value) {
      kernel[depthwise ? e * channels + c : c * elements + e] = value;
    });
    return kernel.data();
  }

  template <class Layer>
  static void add(xnn_subgraph_t graph, const Layer& l, const weights& w, std::vector<std::vector<float>>& kernels,
                  const std::array<std::uint32_t, 2>& in, std::uint32_t out) {
    if constexpr (std::is_same_v<Layer, layers::conv2d>) {
      const layers::window& k = l.window;
      const auto filter = define(graph, {l.out_channels, k.height, k.width, l.in.channels},
                                 plain(w, l.kernel_rows(), l.out_channels, false, kernels));
      const auto bias = define(graph, {l.out_channels}, w.bias);
      check(xnn_define_convolution_2d(graph, k.pad.top, k.pad.right, k.pad.bottom, k.pad.left, k.height, k.width,
                                      k.stride, k.stride, 1, 1, 1, l.in.channels, l.out_channels, l.activation.low,
                                      l.activation.high, in[0], filter, bias, out, 0));
    } else if constexpr (std::is_same_v<Layer, layers::depthwise_conv2d>) {
      const layers::window& k = l.window;
      const auto filter =
          define(graph, {1, k.height, k.width, l.in.channels}, plain(w, l.kernel_rows(), l.in.channels, true, kernels));
      const auto bias = define(graph, {l.in.channels}, w.bias);
      check(xnn_define_depthwise_convolution_2d(graph, k.pad.top, k.pad.right, k.pad.bottom, k.pad.left, k.height,
                                                k.width, k.stride, k.stride, 1, 1, 1, l.in.channels, l.activation.low,
                                                l.activation.high, in[0], filter, bias, out, 0));
    } else if constexpr (std::is_same_v<Layer, layers::pointwise_conv2d> || std::is_same_v<Layer, layers::dense>) {
      add(graph, layers::conv2d{l.in, l.out_channels, {1, 1, 1, {}}, l.activation}, w, kernels, in, out);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // by XNNPACK of 2024; that of 2022 has no successor
    } else if constexpr (std::is_same_v<Layer, layers::add>) {
      check(xnn_define_add2(graph, l.activation.low, l.activation.high, in[0], in[1], out, 0));
    } else if constexpr (std::is_same_v<Layer, layers::global_average_pool>) {
      check(xnn_define_global_average_pooling_2d(graph, -HUGE_VALF, HUGE_VALF, in[0], out, 0));
#pragma GCC diagnostic pop
    } else if constexpr (std::is_same_v<Layer, layers::softmax>) {
      check(xnn_define_softmax(graph, in[0], out, 0));
    } else {
      throw std::runtime_error("XNNPACK: " + std::string(l.name) + " is not part of this comparison");
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
