// Puts a framework's small operations together into the packed model's layers: padding, scaling, offsets and clamps are
// folded into the convolution that they belong to. Both kinds of TensorFlow.js model are read by calling this in the
// order of execution, so folding is written once.
#pragma once

#include "pack/unpacked_model.hpp"
#include "tfjs/layer_origin.hpp"

#include <mobilenet/error.hpp>
#include <mobilenet/layers/layer.hpp>
#include <mobilenet/node.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// How a convolution's window moves.
struct source_window {
  std::uint32_t kernel_height = 1;
  std::uint32_t kernel_width = 1;
  std::uint32_t stride = 1;
  bool same = false;  ///< TensorFlow's SAME padding for the size at hand; otherwise `pad`
  layers::padding pad = {};
};

/// The output of an operation of the source model: a value of the network, and what was applied to it since and waits
/// for the next kernel.
class activation {
 public:
  /// Height, width and channels of the value; padding that is pending does not count.
  const shape& dimensions() const noexcept { return dimensions_; }
  bool is_vector() const noexcept { return dimensions_.is_vector(); }
  /// Length of the last dimension, which dense() and scale_and_offset() work on: all values after a flatten(), else
  /// the channels.
  std::uint64_t last_dimension() const noexcept { return flattened_ ? dimensions_.volume() : dimensions_.channels; }
  /// To be called if more than one operation reads the activation: then nothing is folded into what computes it.
  void share() noexcept { shared_ = true; }

 private:
  friend class network_builder;

  struct pending_padding {
    layer_origin origin;
    layers::padding zeros;
  };
  struct pending_affine {  // x * scale + offset, for each channel or, after a flatten(), for each value
    layer_origin origin;
    std::vector<double> scale;
    std::vector<double> offset;
    std::uint32_t folded_names = 0;  // of names_, those before the operation that completes it
  };

  value_id value_ = network_input;
  shape dimensions_;
  bool shared_ = false;
  bool flattened_ = false;  // a value with positions became one vector: only dense() can follow
  bool pooled_ = false;     // the positions are gone: a 1x1 convolution is a dense layer
  std::optional<pending_padding> padding_;
  std::optional<pending_affine> affine_;
  std::string names_;  // of the operations that the next layer absorbs
  std::uint32_t name_count_ = 0;
};

/// What the builder made of the source's operations.
struct unpacked_network {
  shape input;
  std::vector<unpacked_layer> layers;
  bool scales_input = false;  ///< the source starts with x * scale + offset, which belongs to the preprocessing
  double input_scale = 1.0;
  double input_offset = 0.0;
  std::vector<std::string> notes;  ///< decisions that a person may want to know of
};

/// Each operation takes an activation and returns another one.
/// errors   unsupported: the operation has no place in a MobileNet where it stands; shape_mismatch
class network_builder {
 public:
  explicit network_builder(shape input) : input_(input) {}

  /// The network's input.
  activation input() const;

  /// Rows and columns of zeros, for the convolution that follows.
  result<activation> pad(const layer_origin& origin, activation in, const layers::padding& zeros);
  /// kernel   [k_h][k_w][c_in][out]
  result<activation> convolution(const layer_origin& origin, activation in, const source_window& w, std::uint32_t out,
                                 std::span<const float> kernel);
  /// kernel   [k_h][k_w][c]
  result<activation> depthwise_convolution(const layer_origin& origin, activation in, const source_window& w,
                                           std::span<const float> kernel);
  /// On a vector; on any other activation at every position.   kernel   [c_in][out]
  result<activation> dense(const layer_origin& origin, activation in, std::uint32_t out, std::span<const float> kernel);
  /// A bias, or the normalisation of a batch: x * scale + offset for each channel. Is folded into the convolution or
  /// dense layer before it or, if an activation or pooling lies between, into the one after it; where neither can be,
  /// it becomes a layer of its own.
  result<activation> scale_and_offset(const layer_origin& origin, activation in, std::span<const double> scale,
                                      std::span<const double> offset);
  result<activation> offset(const layer_origin& origin, activation in, std::span<const float> offsets);
  /// The same scale and offset for all channels, which may stand before the first convolution.
  result<activation> scale_and_offset(const layer_origin& origin, activation in, double scale, double offset);
  result<activation> clamp(const layer_origin& origin, activation in, const layers::range& range);
  result<activation> add(const layer_origin& origin, activation a, activation b);
  result<activation> global_average_pool(const layer_origin& origin, activation in);
  result<activation> global_max_pool(const layer_origin& origin, activation in);
  result<activation> softmax(const layer_origin& origin, activation in);
  result<activation> apply(const layer_origin& origin, activation in, layers::function f, double alpha = 0.0);
  /// x if x > 0, else slope * x, on any activation. A slope for each channel, or one for all, becomes a sum of two
  /// clamped layers.
  result<activation> leaky_relu(const layer_origin& origin, activation in, double slope);
  result<activation> leaky_relu(const layer_origin& origin, activation in, std::span<const double> slopes);
  /// Whether `out` is a function of `in`, by apply(): x * sigmoid(x) is written so.
  bool is_function_of(const activation& out, layers::function f, const activation& in) const;
  /// A change of shape in which a vector stays one: Reshape, Flatten, Squeeze. All values of a larger activation
  /// may become one vector too, if a dense layer follows.
  result<activation> flatten(const layer_origin& origin, activation in);
  /// An operation that does nothing when a network is used: Dropout, Identity.
  activation identity(const layer_origin& origin, activation in);

  /// Whether an activation is a vector of sums of products to which no activation function was applied.
  bool is_linear(const activation& in) const;
  /// Leaves out the first score, a background class that is not to be ranked.
  /// in   is_linear(), of two channels or more
  activation drop_first_score(activation in);

  /// Makes two classes of a sigmoid of one score: a softmax of 0 and the score. Leaves any other activation alone.
  void split_single_sigmoid(activation& out);

  /// Ends the network with an activation.
  /// errors   unsupported: nothing was computed, or a padding has no convolution after it
  result<unpacked_network> finish(activation out);

 private:
  struct open_layer {
    unpacked_layer source;
    std::uint32_t name_count = 0;
    std::vector<double> kernel;  // [rows][channels]; in double until all scales are folded in
    std::vector<double> bias;
    bool clamped = false;  // nothing linear can be folded in any more
  };

  result<activation> start(const layer_origin& origin, const activation& in, layers::any_layer layer,
                           std::span<const float> kernel = {}, std::size_t channels = 0);
  void absorb_pending_affine(open_layer& made, const activation::pending_affine& affine) const;
  /// The activation without pending operations: a scale and offset become a depthwise convolution of one element.
  result<activation> materialize(activation in);
  /// The same for a kernel whose padding counts as 0: a pending offset must be added before it.
  result<activation> materialize_before(const layers::padding& pad, activation in);
  /// A depthwise convolution of one element.
  result<activation> elementwise(const layer_origin& origin, const activation& in, std::span<const double> scale,
                                 std::span<const double> offset);
  result<layers::window> total_window(const layer_origin& origin, const activation& in, const source_window& w) const;
  result<activation> fold_affine(const layer_origin& origin, activation in, std::span<const double> scale,
                                 std::span<const double> offset);
  /// The layer that computes an activation and that may still be changed; null if others read it, or something is
  /// pending.
  open_layer* producer(const activation& in);
  /// The same if a linear operation can be folded into it.
  open_layer* linear_producer(const activation& in);
  /// Removes layers that the last one does not need.
  void remove_unread();
  void add_name(const layer_origin& origin, activation& in, bool changes_the_activation);

  shape input_;
  std::vector<open_layer> made_;
  bool scales_input_ = false;
  double input_scale_ = 1.0;
  double input_offset_ = 0.0;
  std::vector<std::string> notes_;
};

}  // namespace mobilenet::tools
