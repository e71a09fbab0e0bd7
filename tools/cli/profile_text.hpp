// What a model takes and gives, in words: for convert and inspect.
#pragma once

#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/preprocess.hpp>

#include <string>

namespace mobilenet::tools {

/// "224x224x3: the centre square, resized bilinearly with half-pixel centres, x / 127 - 1".
std::string input_text(const packed_model& model);

/// "5 classes"; "1000 classes after 1 for "background", which is not ranked"; "1x1x4 values".
std::string output_text(const packed_model& model);

}  // namespace mobilenet::tools
