// What a back end must provide. A back end is a type: classifier<reference>, classifier<simd>.
//
// A back end has a context (threads, scratch memory: whatever its layers share, one per network) and one class for each
// kind of layer, op<Layer>. prepare() may fail and allocate; run() never fails, and allocates at most the first time.
//
//   struct my_backend {
//     static constexpr std::string_view name = "mine";
//     struct context { static result<context> create(const run_options&); };
//     static std::size_t bytes(const tensor_type&);                 // of a value in this back end's layout
//     template <class Layer> class op;                              // declared here, defined for each kind of layer:
//   };
//   template <>
//   class my_backend::op<layers::conv2d> {
//    public:
//     static result<op> prepare(context&, const layers::conv2d&, const weights&);
//     void run(context&, const operands&) noexcept;
//   };
//
// Between layers a back end may keep values in a layout of its own. Everywhere conv2d reads NHWC and writes the back
// end's layout, and a value of one position (1x1xc) is c contiguous elements. A back end whose layout is not NHWC
// also provides the conversions:
//
//     static void to_nhwc(const tensor_type&, const void* in, void* out) noexcept;
//     static void from_nhwc(const tensor_type&, const void* in, void* out) noexcept;
//
// A back end need not define op<Layer> for the small kinds of layer (optional_operation below): the network computes
// those with the reference back end. A back end may also provide one class that computes several consecutive nodes at
// once:
//
//     class fused {
//      public:
//       // Of the nodes from `first` on, how many it computes at once; 0: none. Every value between them has one
//       reader,
//       // and external_inputs() of them are the operands.
//       static std::size_t length(const context&, std::span<const node>, std::size_t first,
//                                 std::span<const std::uint32_t> readers);
//       static result<fused> prepare(context&, std::span<const node>, std::size_t first, std::size_t count);
//       void run(context&, const operands&) noexcept;
//     };
#pragma once

#include <mobilenet/node.hpp>
#include <mobilenet/tensor.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

/// How a network is to be computed.
struct run_options {
  unsigned threads = 1;  ///< 0 means usable_processors()
};

/// Where an operation reads and writes: memory as in a buffer, which lies apart from that of the output.
struct operands {
  std::array<const void*, 2> inputs{};
  void* output = nullptr;

  template <class T>
  const T* in(std::size_t i = 0) const noexcept {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* out() const noexcept {
    return static_cast<T*>(output);
  }
};

// clang-format 14 breaks the braces and noexcept of a concept apart.
// clang-format off
/// One kind of layer of a back end: prepared from its meaning and its packed weights, then run.
template <class Op, class Context, class Layer>
concept operation = std::movable<Op> && requires(Op& op, Context& context, const Layer& layer, const weights& w,
                                                 const operands& io) {
  { Op::prepare(context, layer, w) } -> std::same_as<result<Op>>;
  { op.run(context, io) } noexcept -> std::same_as<void>;
};

/// The back end defines op<Layer>.
template <class B, class Layer>
concept provides = requires { sizeof(typename B::template op<Layer>); };
/// The back end defines op<Layer>, and it is an operation.
template <class B, class Layer>
concept required_operation = provides<B, Layer> && operation<typename B::template op<Layer>, typename B::context, Layer>;
/// The back end defines op<Layer> as an operation, or leaves it to the reference back end.
template <class B, class Layer>
concept optional_operation = !provides<B, Layer> || operation<typename B::template op<Layer>, typename B::context, Layer>;

/// The back end computes several nodes at once.
template <class B>
concept has_fused = requires { typename B::fused; };
template <class B>
concept fused_operation = std::movable<typename B::fused> &&
    requires(typename B::context& context, typename B::fused& op, std::span<const node> nodes, std::size_t n,
             std::span<const std::uint32_t> readers, const operands& io) {
  { B::fused::length(std::as_const(context), nodes, n, readers) } -> std::same_as<std::size_t>;
  { B::fused::prepare(context, nodes, n, n) } -> std::same_as<result<typename B::fused>>;
  { op.run(context, io) } noexcept -> std::same_as<void>;
};

/// The back end's layout between layers is not NHWC.
template <class B>
concept has_own_layout =
    requires(const tensor_type& t, const void* in, void* out) { B::to_nhwc(t, in, out); } ||
    requires(const tensor_type& t, const void* in, void* out) { B::from_nhwc(t, in, out); };
template <class B>
concept layout_changes = requires(const tensor_type& t, const void* in, void* out) {
  { B::to_nhwc(t, in, out) } noexcept -> std::same_as<void>;
  { B::from_nhwc(t, in, out) } noexcept -> std::same_as<void>;
};

template <class B>
concept backend =
    requires(const run_options& options, const tensor_type& t) {
      { B::name } -> std::convertible_to<std::string_view>;
      { B::context::create(options) } -> std::same_as<result<typename B::context>>;
      { B::bytes(t) } -> std::same_as<std::size_t>;
    } &&
    (!has_own_layout<B> || layout_changes<B>) && (!has_fused<B> || fused_operation<B>) &&
    required_operation<B, layers::conv2d> &&
    required_operation<B, layers::depthwise_conv2d> &&
    required_operation<B, layers::pointwise_conv2d> &&
    required_operation<B, layers::global_average_pool> &&
    required_operation<B, layers::dense> &&
    required_operation<B, layers::add> &&
    optional_operation<B, layers::softmax> &&
    optional_operation<B, layers::activation> &&
    optional_operation<B, layers::global_max_pool>;
// clang-format on
static_assert(layers::kinds == 9, "a new kind of layer belongs into the concept backend above");

MOBILENET_NAMESPACE_END
