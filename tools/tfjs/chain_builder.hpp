// Puts a chain of a framework's small operations together into the packed model's layers: padding, scaling,
// offsets and clamps are folded into the convolution that they belong to. Both kinds of TensorFlow.js model
// are read by calling this in the order of computation, so folding is written once.
#pragma once

#include "pack/packed_model_writer.hpp"

#include <mobilenet/error.hpp>
#include <mobilenet/model/packed_model.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mobilenet::tools {

/// Which layer of the source model an operation stands for: the subject of every error.
struct source_layer {
  std::string name;
  std::string kind;              ///< the framework's word: "Conv2D"
  const char* called = "layer";  ///< "node" in a graph
};

/// "layer 'conv1' (Conv2D): what".
error layer_error(const source_layer& layer, const std::string& what, errc code = errc::unsupported);

/// How a convolution's window moves.
struct window {
  std::uint32_t kernel_height = 1;
  std::uint32_t kernel_width = 1;
  std::uint32_t stride = 1;
  bool same = false;  ///< TensorFlow's SAME padding for the size at hand; otherwise `pad`
  layers::padding pad = {};
};

/// What the builder has made of the source's operations.
struct layer_chain {
  std::vector<layer_source> layers;
  bool scales_input = false;  ///< the source starts with x * scale + offset, which belongs to the preprocessing
  double input_scale = 1.0;
  double input_offset = 0.0;
  std::vector<std::string> notes;  ///< decisions that a person may want to know of
};

/// errors   unsupported: the operation has no place in MobileNet v1 where it stands; shape_mismatch;
class chain_builder {
 public:
  explicit chain_builder(shape input) : current_(input) {}

  /// Shape of the activation that the next operation gets.
  shape current() const noexcept { return current_; }
  /// Whether the activation is a plain vector, [c], as after a pooling that drops its two dimensions of 1.
  bool is_vector() const noexcept { return current_.height == 1 && current_.width == 1; }

  /// Length of the last dimension, which dense() and scale_and_offset() work on: all values after a flatten(), else
  /// the channels.
  std::uint64_t last_dimension() const noexcept { return flattened_ ? current_.elements() : current_.channels; }

  /// Rows and columns of zeros, for the convolution that follows.
  result<void> pad(const source_layer& layer, const layers::padding& zeros);
  /// kernel   [k_h][k_w][c_in][out]
  result<void> convolution(const source_layer& layer, const window& w, std::uint32_t out,
                           std::span<const float> kernel);
  /// kernel   [k_h][k_w][c]
  result<void> depthwise_convolution(const source_layer& layer, const window& w, std::span<const float> kernel);
  /// On a vector; on any other activation at every position.   kernel   [c_in][out]
  result<void> dense(const source_layer& layer, std::uint32_t out, std::span<const float> kernel);
  /// A bias, or the normalisation of a batch: x * scale + offset for each channel. Goes into the convolution or
  /// dense layer before it, or where an activation or pooling lies between, into the one after it.
  result<void> scale_and_offset(const source_layer& layer, std::span<const double> scale,
                                std::span<const double> offset);
  result<void> offset(const source_layer& layer, std::span<const float> offsets);
  /// The same scale and offset for all channels, which may stand before the first convolution.
  result<void> scale_and_offset(const source_layer& layer, double scale, double offset);
  result<void> clamp(const source_layer& layer, const layers::clamp& bounds);
  result<void> global_average_pool(const source_layer& layer);
  result<void> softmax(const source_layer& layer);
  /// A probability for each score.
  result<void> sigmoid(const source_layer& layer);
  /// A change of shape in which a vector stays one: Reshape, Flatten, Squeeze. All values of a larger activation
  /// may become one vector too, if a dense layer follows.
  result<void> flatten(const source_layer& layer);
  /// An operation that does nothing when a network is used: Dropout, Identity.
  void identity(const source_layer& layer);

  /// Whether the last operation gave scores of two or more classes that no activation was applied to.
  bool ends_in_scores();
  /// Leaves out the first output of the last layer, a background class that is not to be ranked.
  result<void> drop_first_output(const source_layer& layer);

  /// A sigmoid of one score at the end becomes two classes: a softmax of 0 and the score.
  /// errors   unsupported: nothing was computed, or a padding has no convolution after it
  result<layer_chain> finish();

 private:
  struct open_layer {
    layer_source source;
    std::uint32_t name_count = 0;
    std::vector<double> kernel;  // [rows][channels]; in double until all scales are folded in
    std::vector<double> bias;
    bool clamped = false;  // nothing linear can be folded in any more
  };

  result<void> start(const source_layer& layer, layers::description params, std::span<const float> kernel,
                     std::size_t channels);
  /// A softmax or sigmoid layer.
  result<void> probabilities(const source_layer& layer, const char* what, layers::description params);
  /// Whether there is something that fold() can fold into.
  result<void> check_can_fold(const source_layer& layer);
  /// Into the layer before, or into what waits for the one that follows.
  void fold(const source_layer& layer, std::span<const double> scale, std::span<const double> offset);
  /// Multiplies the input's scale and offset, which wait for a kernel, into the kernel of a layer.
  result<void> take_in_waiting(open_layer& made) const;
  result<layers::padding> total_padding(const source_layer& layer, const window& w) const;
  /// The layer that a linear operation can still be folded into; null where there is none.
  open_layer* linear();
  /// The number of outputs of a layer that makes a vector of all its inputs; null where the layer is of another kind.
  static std::uint32_t* scores_of(open_layer& made);
  void split_single_sigmoid();
  void add_name(const source_layer& layer, bool changes_the_activation);

  shape current_;
  std::vector<open_layer> made_;
  std::optional<std::pair<source_layer, layers::padding>> padding_;
  struct waiting {
    source_layer layer;
    std::vector<double> scale;
    std::vector<double> offset;
  };
  std::optional<waiting> waiting_;  // of the current activation, for the kernel that follows
  bool flattened_ = false;          // an activation with positions became one vector: only dense can follow
  std::string names_before_;        // of what is folded into the layer that comes next
  std::uint32_t names_before_count_ = 0;
  bool pooled_ = false;
  bool scales_input_ = false;
  double input_scale_ = 1.0;
  double input_offset_ = 0.0;
  std::vector<std::string> notes_;
};

}  // namespace mobilenet::tools
