// A network described in plain arrays to the bytes of an .mnet file.
#pragma once

#include <mobilenet/model/packed_model.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// One layer on its way into a packed model: what it means, and its weights in the order that Keras and tfjs
/// keep them, batch norm already folded in.
///
/// kernel   conv2d            [k_h][k_w][c_in][c_out]
///          depthwise_conv2d  [k_h][k_w][c]
///          pointwise_conv2d  [c_in][c_out]
///          dense             [c_in][c_out]
///          others            empty
/// bias     [c_out], empty for layers without weights
struct layer_source {
  layers::description params;
  std::vector<float> kernel;
  std::vector<float> bias;
  std::string names;               ///< tfjs layer names in order of computation, separated by '\n'
  std::uint32_t folded_names = 0;  ///< so many of the first have no activation of their own any more
};

/// All that a packed model says.
struct model_source {
  std::vector<layer_source> layers;
  mobilenet::preprocessing preprocessing;
  output_kind output = output_kind::classes;
  std::uint32_t first_class = 0;    ///< 1 where output 0 is "background"
  std::vector<std::string> labels;  ///< one a class, counted from first_class; or empty
  std::string provenance;
};

/// Lays out the file, runs the reference back end once for its self-test, and returns the file's bytes.
/// The same source gives the same bytes on every machine.
///
/// type     how kernels are stored; biases are always float32. With float16 narrow kernels stay float32, and
///          biases make up for the rounding: float16_correction.hpp
/// errors   shape_mismatch: an array has not the length that its layer's shape asks for, names the layer;
///          invalid_argument: a weight is not finite, or too large for float16; unsupported: the network takes
///          far more work than any MobileNet v1; and whatever packed_model finds wrong with the result (shapes
///          that do not follow one another, a label too many)
result<std::vector<std::byte>> write_packed_model(const model_source& source, weight_type type = weight_type::float32);

}  // namespace mobilenet::tools
