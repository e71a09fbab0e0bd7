// A network described in plain arrays to the bytes of an .mnet file.
#pragma once

#include "pack/unpacked_model.hpp"

#include <mobilenet/error.hpp>
#include <mobilenet/tensor.hpp>

#include <cstddef>
#include <vector>

namespace mobilenet::tools {

/// Lays out the file, runs the reference back end once for its self-test, and returns the file's bytes.
/// The same source gives the same bytes on every machine.
///
/// weights  how kernels are stored; biases are always float32. With f16 narrow kernels stay float32, and biases make up
///          for the rounding: float16_correction.hpp
/// errors   shape_mismatch: an array does not have the length that its layer's shape requires, names the layer;
///          invalid_argument: a weight is not finite, or too large for float16; unsupported: the network takes
///          far more work than any MobileNet; and whatever parse() finds wrong with the result (shapes
///          that do not follow one another, a label too many)
result<std::vector<std::byte>> write_packed_model(const unpacked_model& source, element weights = element::f32);

}  // namespace mobilenet::tools
