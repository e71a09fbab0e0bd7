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

  static std::size_t bytes(const tensor_type& t) noexcept { return t.elements() * bytes_per_element(t.type); }

  template <class Layer>
  class op;

 private:
  static error failure(const char* function, xnn_status status) {
    return {status == xnn_status_out_of_memory ? errc::out_of_memory : errc::backend_failure,
            std::string("XNNPACK: ") + function + " returned status " + std::to_string(static_cast<int>(status))};
  }

  // A layer's runtime: from external values 0 and, if it has two inputs, 1 to the last external value.
  class runtime {
   public:
    void run(context&, const operands& io) noexcept {
      if (io.inputs != bound_.inputs || io.output != bound_.output) bind(io);
      // Only memory refused at the first call gets here; run() has no way to say so, but NaN is no probability.
      if (bound_.output == nullptr || xnn_invoke_runtime(runtime_.get()) != xnn_status_success)
        std::fill_n(io.out<float>(), out_elements_, std::numeric_limits<float>::quiet_NaN());
    }

   protected:
    friend struct xnnpack;
    struct deleter {
      void operator()(xnn_runtime* r) const noexcept { (void)xnn_delete_runtime(r); }
    };
    void bind(const operands& io) noexcept {
      std::array<xnn_external_value, 3> values;
      for (std::uint32_t i = 0; i < inputs_; ++i) values[i] = {i, const_cast<void*>(io.inputs[i])};
      values[inputs_] = {inputs_, io.output};
      const bool ready = xnn_setup_runtime(runtime_.get(), inputs_ + 1, values.data()) == xnn_status_success;
      bound_ = ready ? io : operands{};
    }

    std::unique_ptr<xnn_runtime, deleter> runtime_;
    std::uint32_t inputs_ = 1;
    std::size_t out_elements_ = 0;
    operands bound_;
  };

  struct subgraph_deleter {
    void operator()(xnn_subgraph* subgraph) const noexcept { (void)xnn_delete_subgraph(subgraph); }
  };
  using dimensions = std::initializer_list<std::size_t>;

  // XNNPACK refuses bounds that leave one value; the next number above it is as good as that one.
  static float above(const layers::range& r) noexcept {
    return r.high > r.low ? r.high : std::nextafter(r.low, std::numeric_limits<float>::infinity());
  }

  // Collects the node of a layer and turns it into an operation.
  class builder {
   public:
    builder(const dimensions& in, const dimensions& out, std::uint32_t inputs = 1) : inputs_(inputs) {
      xnn_subgraph_t made = nullptr;
      keep("xnn_create_subgraph", xnn_create_subgraph(inputs + 1, 0, &made));
      subgraph_.reset(made);
      for (std::uint32_t i = 0; i < inputs; ++i) in_[i] = value(in, nullptr, i, XNN_VALUE_FLAG_EXTERNAL_INPUT);
      out_ = value(out, nullptr, inputs, XNN_VALUE_FLAG_EXTERNAL_OUTPUT);
      out_elements_ = 1;
      for (const std::size_t d : out) out_elements_ *= d;
    }
    // data must stay until finish().
    std::uint32_t constant(const dimensions& dims, const float* data) {
      return value(dims, data, XNN_INVALID_VALUE_ID, 0);
    }
    xnn_subgraph_t subgraph() const noexcept { return subgraph_.get(); }
    std::uint32_t in(std::size_t i = 0) const noexcept { return in_[i]; }
    std::uint32_t out() const noexcept { return out_; }
    void keep(const char* function, xnn_status status) {
      if (status_ == xnn_status_success && status != xnn_status_success) {
        status_ = status;
        function_ = function;
      }
    }
    template <class Op>
    result<Op> finish(const context& context) {
      Op op;
      xnn_runtime_t made = nullptr;
      if (status_ == xnn_status_success)
        keep("xnn_create_runtime_v2", xnn_create_runtime_v2(subgraph_.get(), context.pool(), 0, &made));
      if (status_ != xnn_status_success) return failure(function_, status_);
      op.runtime_.reset(made);
      op.inputs_ = inputs_;
      op.out_elements_ = out_elements_;
      return op;
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
    std::uint32_t inputs_;
    std::array<std::uint32_t, 2> in_{XNN_INVALID_VALUE_ID, XNN_INVALID_VALUE_ID};
    std::uint32_t out_ = XNN_INVALID_VALUE_ID;
    std::size_t out_elements_ = 0;
    xnn_status status_ = xnn_status_success;
    const char* function_ = "";
  };

  // [channels][elements] if channels come first, else [elements][channels].
  static result<buffer> plain_kernel(const weights& w, std::size_t elements, std::size_t channels,
                                     bool channels_first) {
    auto plain = buffer::create(std::uint64_t{elements} * channels * sizeof(float), "plain copy of a kernel");
    if (!plain) return plain;
    float* data = plain->as<float>();
    detail::for_each_kernel_value(w, elements, channels, [&](std::size_t e, std::size_t c, float value) {
      data[channels_first ? c * elements + e : e * channels + c] = value;
    });
    return plain;
  }

  template <class Op>
  static result<Op> prepare_convolution(const context& context, const layers::conv2d& l, const weights& w) {
    const layers::window& window = l.window;
    auto kernel = plain_kernel(w, static_cast<std::size_t>(l.kernel_rows()), l.out_channels, true);
    if (!kernel) return std::move(kernel).error();
    const shape out = l.output_shape();
    builder build({1, l.in.height, l.in.width, l.in.channels}, {1, out.height, out.width, out.channels});
    const auto filter =
        build.constant({l.out_channels, window.height, window.width, l.in.channels}, kernel->template as<float>());
    const auto bias = build.constant({l.out_channels}, w.bias);
    build.keep("xnn_define_convolution_2d",
               xnn_define_convolution_2d(build.subgraph(), window.pad.top, window.pad.right, window.pad.bottom,
                                         window.pad.left, window.height, window.width, window.stride, window.stride, 1,
                                         1, 1, l.in.channels, l.out_channels, l.activation.low, above(l.activation),
                                         build.in(), filter, bias, build.out(), 0));
    return build.template finish<Op>(context);
  }
};

template <>
class xnnpack::op<layers::conv2d> : public runtime {
 public:
  static result<op> prepare(context& context, const layers::conv2d& l, const weights& w) {
    return prepare_convolution<op>(context, l, w);
  }
};

template <>
class xnnpack::op<layers::pointwise_conv2d> : public runtime {
 public:
  static result<op> prepare(context& context, const layers::pointwise_conv2d& l, const weights& w) {
    return prepare_convolution<op>(
        context,
        {.in = l.in, .out_channels = l.out_channels, .window = {1, 1, 1, {}}, .activation = l.activation, .out = l.out},
        w);
  }
};

template <>
class xnnpack::op<layers::depthwise_conv2d> : public runtime {
 public:
  static result<op> prepare(context& context, const layers::depthwise_conv2d& l, const weights& w) {
    const layers::window& window = l.window;
    const std::size_t channels = l.in.channels;
    auto kernel = plain_kernel(w, static_cast<std::size_t>(l.kernel_rows()), channels, false);
    if (!kernel) return std::move(kernel).error();
    const shape out = l.output_shape();
    builder build({1, l.in.height, l.in.width, channels}, {1, out.height, out.width, channels});
    const auto filter = build.constant({1, window.height, window.width, channels}, kernel->as<float>());
    const auto bias = build.constant({channels}, w.bias);
    build.keep("xnn_define_depthwise_convolution_2d",
               xnn_define_depthwise_convolution_2d(build.subgraph(), window.pad.top, window.pad.right,
                                                   window.pad.bottom, window.pad.left, window.height, window.width,
                                                   window.stride, window.stride, 1, 1, 1, channels, l.activation.low,
                                                   above(l.activation), build.in(), filter, bias, build.out(), 0));
    return build.finish<op>(context);
  }
};

template <>
class xnnpack::op<layers::add> : public runtime {
 public:
  static result<op> prepare(context& context, const layers::add& l, const weights&) {
    const dimensions size{1, l.in.height, l.in.width, l.in.channels};
    builder build(size, size, 2);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // by XNNPACK of 2024; that of 2022 has no successor
    build.keep("xnn_define_add2", xnn_define_add2(build.subgraph(), l.activation.low, above(l.activation), build.in(0),
                                                  build.in(1), build.out(), 0));
#pragma GCC diagnostic pop
    return build.finish<op>(context);
  }
};

template <>
class xnnpack::op<layers::global_average_pool> : public runtime {
 public:
  static result<op> prepare(context& context, const layers::global_average_pool& l, const weights&) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    builder build({1, l.in.height, l.in.width, l.in.channels}, {1, 1, 1, l.in.channels});
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // by XNNPACK of 2024; that of 2022 has no successor
    build.keep("xnn_define_global_average_pooling_2d",
               xnn_define_global_average_pooling_2d(build.subgraph(), -infinity, infinity, build.in(), build.out(), 0));
#pragma GCC diagnostic pop
    return build.finish<op>(context);
  }
};

template <>
class xnnpack::op<layers::dense> : public runtime {
 public:
  static result<op> prepare(context& context, const layers::dense& l, const weights& w) {
    auto kernel = plain_kernel(w, l.in.channels, l.out_channels, true);
    if (!kernel) return std::move(kernel).error();
    builder build({1, l.in.channels}, {1, l.out_channels});
    const auto filter = build.constant({l.out_channels, l.in.channels}, kernel->as<float>());
    const auto bias = build.constant({l.out_channels}, w.bias);
    build.keep("xnn_define_fully_connected",
               xnn_define_fully_connected(build.subgraph(), l.activation.low, above(l.activation), build.in(), filter,
                                          bias, build.out(), 0));
    return build.finish<op>(context);
  }
};

template <>
class xnnpack::op<layers::softmax> : public runtime {
 public:
  static result<op> prepare(context& context, const layers::softmax& l, const weights&) {
    builder build({1, l.in.channels}, {1, l.in.channels});
    build.keep("xnn_define_softmax", xnn_define_softmax(build.subgraph(), build.in(), build.out(), 0));
    return build.finish<op>(context);
  }
};

static_assert(backend<xnnpack>);

MOBILENET_NAMESPACE_END
