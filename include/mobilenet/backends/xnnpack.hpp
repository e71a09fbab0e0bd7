// The XNNPACK back end: every layer is an XNNPACK subgraph of its own, so that it works with Debian's package of
// 2022 as with today's sources (the operator API changed in between, the subgraph API did not).
//
// Activations are NHWC. XNNPACK packs kernels into an order of its own at prepare and keeps that copy; the plain
// copy made for it here is released again. Link XNNPACK and pthreadpool.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/detail/unpack_kernel.hpp>
#include <mobilenet/platform/threads.hpp>

#include <pthreadpool.h>
#include <xnnpack.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

struct xnnpack {
  static constexpr std::string_view name = "xnnpack";

  /// XNNPACK initialised, and its threads. Outlives the layers prepared with it.
  class context {
   public:
    /// errors   unsupported: XNNPACK does not run on this processor; invalid_argument: too many threads; out_of_memory
    static result<context> create(const run_options& options) {
      const xnn_status status = xnn_initialize(nullptr);
      if (status == xnn_status_unsupported_hardware)
        return error{errc::unsupported, "XNNPACK: this processor is not supported"};
      if (status != xnn_status_success) return failure("xnn_initialize", status);
      context made;
      made.initialized_.reset(&made);
      const unsigned threads = options.threads == 0 ? usable_processors() : options.threads;
      // A pool of pthreadpool's waits for ever for threads that the system did not give; ours tells.
      if (threads > usable_processors())
        if (auto trial = thread_pool::create(threads); !trial) return std::move(trial).error();
      if (threads > 1) {
        made.pool_.reset(pthreadpool_create(threads));
        if (!made.pool_)
          return error{errc::out_of_memory, "XNNPACK: a pool of " + std::to_string(threads) + " threads was refused"};
      }
      return made;
    }
    pthreadpool_t pool() const noexcept { return pool_.get(); }

   private:
    struct deinitializer {
      void operator()(void*) const noexcept { (void)xnn_deinitialize(); }
    };
    struct pool_deleter {
      void operator()(pthreadpool* pool) const noexcept { pthreadpool_destroy(pool); }
    };
    std::unique_ptr<void, deinitializer> initialized_;  // any address: owns "initialised", not memory
    std::unique_ptr<pthreadpool, pool_deleter> pool_;
  };

  static std::size_t activation_elements(const shape& s) noexcept { return s.elements(); }

  class conv2d;
  class depthwise_conv2d;
  class pointwise_conv2d;
  class global_average_pool;
  class dense;
  class softmax;
  class sigmoid;

 private:
  static error failure(const char* function, xnn_status status) {
    return {status == xnn_status_out_of_memory ? errc::out_of_memory : errc::backend_failure,
            std::string("XNNPACK: ") + function + " returned status " + std::to_string(static_cast<int>(status))};
  }

  // A layer's runtime, from external value 0 to external value 1.
  class operation {
   public:
    void run(context&, const float* in, float* out) noexcept {
      if (in != in_ || out != out_) {
        const std::array<xnn_external_value, 2> values{{{0, const_cast<float*>(in)}, {1, out}}};
        const bool ready = xnn_setup_runtime(runtime_.get(), values.size(), values.data()) == xnn_status_success;
        in_ = ready ? in : nullptr;
        out_ = out;
      }
      // Only memory refused at the first call gets here; run() has no way to say so, but NaN is no probability.
      if (in_ == nullptr || xnn_invoke_runtime(runtime_.get()) != xnn_status_success)
        std::fill_n(out, out_elements_, std::numeric_limits<float>::quiet_NaN());
    }

   protected:
    friend struct xnnpack;
    struct runtime_deleter {
      void operator()(xnn_runtime* runtime) const noexcept { (void)xnn_delete_runtime(runtime); }
    };
    std::unique_ptr<xnn_runtime, runtime_deleter> runtime_;
    std::size_t out_elements_ = 0;
    const float* in_ = nullptr;
    const float* out_ = nullptr;
  };

  struct subgraph_deleter {
    void operator()(xnn_subgraph* subgraph) const noexcept { (void)xnn_delete_subgraph(subgraph); }
  };
  using dimensions = std::initializer_list<std::size_t>;

  // XNNPACK refuses bounds that leave one value; the next number above it is as good as that one.
  static float above(const layers::clamp& bounds) noexcept {
    return bounds.high > bounds.low ? bounds.high : std::nextafter(bounds.low, std::numeric_limits<float>::infinity());
  }

  // Collects the node of a layer and turns it into an operation.
  class builder {
   public:
    builder(const dimensions& in, const dimensions& out) {
      xnn_subgraph_t made = nullptr;
      keep("xnn_create_subgraph", xnn_create_subgraph(2, 0, &made));
      subgraph_.reset(made);
      in_ = value(in, nullptr, 0, XNN_VALUE_FLAG_EXTERNAL_INPUT);
      out_ = value(out, nullptr, 1, XNN_VALUE_FLAG_EXTERNAL_OUTPUT);
    }
    // data must stay until finish().
    std::uint32_t constant(const dimensions& dims, const float* data) {
      return value(dims, data, XNN_INVALID_VALUE_ID, 0);
    }
    std::uint32_t intermediate(const dimensions& dims) { return value(dims, nullptr, XNN_INVALID_VALUE_ID, 0); }
    xnn_subgraph_t subgraph() const noexcept { return subgraph_.get(); }
    std::uint32_t in() const noexcept { return in_; }
    std::uint32_t out() const noexcept { return out_; }
    void keep(const char* function, xnn_status status) {
      if (status_ == xnn_status_success && status != xnn_status_success) {
        status_ = status;
        function_ = function;
      }
    }
    template <class Layer>
    result<Layer> finish(const context& context, std::size_t out_elements) {
      Layer layer;
      xnn_runtime_t made = nullptr;
      if (status_ == xnn_status_success)
        keep("xnn_create_runtime_v2", xnn_create_runtime_v2(subgraph_.get(), context.pool(), 0, &made));
      if (status_ != xnn_status_success) return failure(function_, status_);
      layer.runtime_.reset(made);
      layer.out_elements_ = out_elements;
      return layer;
    }

   private:
    std::uint32_t value(const dimensions& dims, const float* data, std::uint32_t external, std::uint32_t flags) {
      std::uint32_t id = XNN_INVALID_VALUE_ID;
      if (status_ == xnn_status_success)
        keep("xnn_define_tensor_value", xnn_define_tensor_value(subgraph_.get(), xnn_datatype_fp32, dims.size(),
                                                                dims.begin(), data, external, flags, &id));
      return id;
    }
    std::unique_ptr<xnn_subgraph, subgraph_deleter> subgraph_;
    std::uint32_t in_ = XNN_INVALID_VALUE_ID;
    std::uint32_t out_ = XNN_INVALID_VALUE_ID;
    xnn_status status_ = xnn_status_success;
    const char* function_ = "";
  };

  // [channels][elements] if channels come first, else [elements][channels].
  static result<float_buffer> plain_kernel(const packed_weights& weights, std::size_t elements, std::size_t channels,
                                           bool channels_first) {
    auto plain = float_buffer::create(elements * channels, "plain copy of a kernel");
    if (!plain) return plain;
    float* data = plain->data();
    detail::for_each_kernel_value(weights, elements, channels, [&](std::size_t e, std::size_t c, float value) {
      data[channels_first ? c * elements + e : e * channels + c] = value;
    });
    return plain;
  }

  template <class Layer>
  static result<Layer> prepare_convolution(const context& context, const layers::conv2d& p,
                                           const packed_weights& weights) {
    const std::size_t elements = std::size_t{p.kernel_height} * p.kernel_width * p.in.channels;
    auto kernel = plain_kernel(weights, elements, p.out_channels, true);
    if (!kernel) return std::move(kernel).error();
    const shape out = p.output_shape();
    builder build({1, p.in.height, p.in.width, p.in.channels}, {1, out.height, out.width, out.channels});
    const auto filter =
        build.constant({p.out_channels, p.kernel_height, p.kernel_width, p.in.channels}, kernel->data());
    const auto bias = build.constant({p.out_channels}, weights.bias);
    build.keep(
        "xnn_define_convolution_2d",
        xnn_define_convolution_2d(build.subgraph(), p.pad.top, p.pad.right, p.pad.bottom, p.pad.left, p.kernel_height,
                                  p.kernel_width, p.stride, p.stride, 1, 1, 1, p.in.channels, p.out_channels,
                                  p.bounds.low, above(p.bounds), build.in(), filter, bias, build.out(), 0));
    return build.template finish<Layer>(context, out.elements());
  }
};

class xnnpack::conv2d : public operation {
 public:
  static result<conv2d> prepare(context& context, const layers::conv2d& p, const packed_weights& weights) {
    return prepare_convolution<conv2d>(context, p, weights);
  }
};

class xnnpack::pointwise_conv2d : public operation {
 public:
  static result<pointwise_conv2d> prepare(context& context, const layers::pointwise_conv2d& p,
                                          const packed_weights& weights) {
    return prepare_convolution<pointwise_conv2d>(context, {p.in, p.out_channels, 1, 1, 1, {}, p.bounds}, weights);
  }
};

class xnnpack::depthwise_conv2d : public operation {
 public:
  static result<depthwise_conv2d> prepare(context& context, const layers::depthwise_conv2d& p,
                                          const packed_weights& weights) {
    const std::size_t channels = p.in.channels;
    auto kernel = plain_kernel(weights, std::size_t{p.kernel_height} * p.kernel_width, channels, false);
    if (!kernel) return std::move(kernel).error();
    const shape out = p.output_shape();
    builder build({1, p.in.height, p.in.width, channels}, {1, out.height, out.width, channels});
    const auto filter = build.constant({1, p.kernel_height, p.kernel_width, channels}, kernel->data());
    const auto bias = build.constant({channels}, weights.bias);
    build.keep(
        "xnn_define_depthwise_convolution_2d",
        xnn_define_depthwise_convolution_2d(build.subgraph(), p.pad.top, p.pad.right, p.pad.bottom, p.pad.left,
                                            p.kernel_height, p.kernel_width, p.stride, p.stride, 1, 1, 1, channels,
                                            p.bounds.low, above(p.bounds), build.in(), filter, bias, build.out(), 0));
    return build.finish<depthwise_conv2d>(context, out.elements());
  }
};

class xnnpack::global_average_pool : public operation {
 public:
  static result<global_average_pool> prepare(context& context, const layers::global_average_pool& p,
                                             const packed_weights&) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    builder build({1, p.in.height, p.in.width, p.in.channels}, {1, 1, 1, p.in.channels});
    build.keep("xnn_define_global_average_pooling_2d",
               xnn_define_global_average_pooling_2d(build.subgraph(), -infinity, infinity, build.in(), build.out(), 0));
    return build.finish<global_average_pool>(context, p.in.channels);
  }
};

class xnnpack::dense : public operation {
 public:
  static result<dense> prepare(context& context, const layers::dense& p, const packed_weights& weights) {
    auto kernel = plain_kernel(weights, p.in.channels, p.out_channels, true);
    if (!kernel) return std::move(kernel).error();
    builder build({1, p.in.channels}, {1, p.out_channels});
    const auto filter = build.constant({p.out_channels, p.in.channels}, kernel->data());
    const auto bias = build.constant({p.out_channels}, weights.bias);
    build.keep("xnn_define_fully_connected", xnn_define_fully_connected(build.subgraph(), p.bounds.low, above(p.bounds),
                                                                        build.in(), filter, bias, build.out(), 0));
    return build.finish<dense>(context, p.out_channels);
  }
};

class xnnpack::softmax : public operation {
 public:
  static result<softmax> prepare(context& context, const layers::softmax& p, const packed_weights&) {
    builder build({1, p.in.channels}, {1, p.in.channels});
    build.keep("xnn_define_softmax", xnn_define_softmax(build.subgraph(), build.in(), build.out(), 0));
    return build.finish<softmax>(context, p.in.channels);
  }
};

class xnnpack::sigmoid : public operation {
 public:
  static result<sigmoid> prepare(context& context, const layers::sigmoid& p, const packed_weights&) {
    builder build({1, p.in.channels}, {1, p.in.channels});
    // XNNPACK's sigmoid gives NaN for huge scores; beyond 100 there is nothing left to tell apart.
    const auto clamped = build.intermediate({1, p.in.channels});
    build.keep("xnn_define_clamp", xnn_define_clamp(build.subgraph(), -100.0f, 100.0f, build.in(), clamped, 0));
    build.keep("xnn_define_sigmoid", xnn_define_sigmoid(build.subgraph(), clamped, build.out(), 0));
    return build.finish<sigmoid>(context, p.in.channels);
  }
};

static_assert(backend<xnnpack>);

MOBILENET_NAMESPACE_END
