// A TensorFlow.js model on disk, read as the converter reads it.
#pragma once

#include "pack/unpacked_model.hpp"
#include "tfjs/read_model.hpp"

#include <mobilenet/convert.hpp>

#include <string>

namespace mobilenet::test {

/// path   model.json, or the folder that has it
inline result<tools::unpacked_model> read_model(const std::string& path, const convert_options& options = {}) {
  conversion_report report;
  return tools::read_model(tools::folder_files(path), options, report);
}

}  // namespace mobilenet::test
