// A whole TensorFlow.js model, its labels and its application's preprocessing, as a packed model will hold it.
#pragma once

#include "pack/unpacked_model.hpp"
#include "tfjs/model_files.hpp"

#include <mobilenet/convert.hpp>
#include <mobilenet/error.hpp>

namespace mobilenet::tools {

/// report   gets what is said of the source
/// errors   those of convert_model
result<unpacked_model> read_model(const model_files& files, const convert_options& options, conversion_report& report);

}  // namespace mobilenet::tools
