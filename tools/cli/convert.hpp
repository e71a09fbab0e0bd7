// The command convert: the library mobilenet::convert on files.
#pragma once

#include <mobilenet/convert.hpp>
#include <mobilenet/error.hpp>

#include <cstdint>
#include <string>

namespace mobilenet::tools {

struct convert_command {
  std::string input;        ///< model.json, or the folder that has it
  std::string output;       ///< the .mnet file to write
  std::string labels;       ///< file of class names; empty: what lies beside model.json
  convert_options options;  ///< except the labels
};

/// Converts and writes. The output is replaced at once or not at all.
/// errors   those of convert_model and write_file; invalid_argument: the output is one of the files that are read
result<conversion> convert(const convert_command& command);

/// Says on standard output what was read and written.
void print(const convert_command& command, const conversion& made);

}  // namespace mobilenet::tools
