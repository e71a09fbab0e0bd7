// TensorFlow.js model to packed model: what `mobilenet convert` does, as a function that prints nothing.
#pragma once

#include "pack/unpacked_model.hpp"
#include "tfjs/network_topology.hpp"

#include <mobilenet/error.hpp>
#include <mobilenet/model/parse.hpp>
#include <mobilenet/preprocess.hpp>
#include <mobilenet/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// The values that black and white pixels are scaled to before they enter the network.
struct input_range {
  float low = -1.0f;
  float high = 1.0f;
};

struct convert_options {
  std::string input;                 ///< model.json, or the folder that has it
  std::string output;                ///< the .mnet file to write
  std::string labels;                ///< class names, one a line; empty: labels.txt beside model.json, if it is there
  std::optional<input_range> range;  ///< none: what the kind of model was trained with
  element weights = element::f32;
  topology_options topology;
};

/// What was read and written, for a person to read.
struct conversion_report {
  // read
  std::string model_json;         ///< path of the model.json that was read
  std::string form;               ///< "layers model" or "graph model"
  std::string name;               ///< the model's own name; may be empty
  std::size_t source_layers = 0;  ///< layers of the Keras model, or nodes of the graph
  std::size_t source_weights = 0;
  std::size_t shards = 0;
  std::uint64_t weight_bytes = 0;
  // written
  std::string output;  ///< path of the packed model
  std::uint64_t file_bytes = 0;
  std::size_t layers = 0;
  std::uint64_t parameters = 0;
  std::uint64_t multiply_adds = 0;
  shape input;
  mobilenet::preprocessing preprocessing;
  output_kind kind = output_kind::classes;
  std::uint32_t classes = 0;       ///< 0 for a model that ends in features
  std::uint32_t class_offset = 0;  ///< 1 if output 0 is "background"
  std::string labels;              ///< path of the class names; empty without any
  element weights = element::f32;
  std::vector<std::string> notes;  ///< decisions a person may want to know of, one line each
};

/// Reads a TensorFlow.js model and describes it as a packed model will hold it. Reads files, writes none.
/// errors   io_error, invalid_argument, shape_mismatch, unsupported: always with the file's path in front,
///          and the field, layer, weight or shard that is wrong
result<unpacked_model> read_model(const convert_options& options, conversion_report& report);

/// Reads a TensorFlow.js model and writes the packed model. The output is replaced at once or not at all; the
/// same input gives the same bytes.
/// errors   those of read_model, write_packed_model and write_file
result<conversion_report> convert(const convert_options& options);

}  // namespace mobilenet::tools
