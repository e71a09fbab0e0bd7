// TensorFlow.js models to packed models, for a host that takes model.json itself. This header only declares: link the
// library mobilenet::convert.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/model/parse.hpp>
#include <mobilenet/preprocess.hpp>
#include <mobilenet/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// The WebAssembly module compiles the converter's sources itself, without exceptions.
#if !MOBILENET_EXCEPTIONS && !defined(__wasm__)
#error "mobilenet/convert.hpp: the library mobilenet::convert is built with exceptions, and so must its users be"
#endif

MOBILENET_NAMESPACE_BEGIN

/// The values that black and white pixels are scaled to before they enter the network.
struct input_range {
  float low = -1.0f;
  float high = 1.0f;
};

/// JavaScript packages whose preprocessing is known.
enum class application : std::uint8_t {
  mobilenet,          ///< @tensorflow-models/mobilenet: bilinear, corners aligned, [-1, 1]
  nsfwjs,             ///< the same, x / 255
  teachable_machine,  ///< @teachablemachine/image: the centre square, bilinear with half-pixel centres, x / 127 - 1
};

/// What a person may decide about a model. Everything that is left open, the model's files answer. (With initializers,
/// or -Wextra warns about {.like = ...} alone.)
struct convert_options {
  std::string output = {};                       ///< which one, if the model has several
  std::optional<output_kind> kind = {};          ///< what the output is, if it is linear
  std::optional<std::uint32_t> input_size = {};  ///< height and width of an input whose size the model leaves open
  std::optional<application> like = {};          ///< default: Teachable Machine by its metadata.json, else mobilenet
  std::optional<input_range> range = {};         ///< this and what follows: instead of the application's
  std::optional<preprocessing::resize_method> resize = {};
  std::optional<preprocessing::crop_rule> crop = {};
  std::optional<preprocessing::grey_rule> grey = {};
  /// Class names: one a line, a JSON array, Keras's class indices ({"cat": 0}), or Teachable Machine's metadata.json.
  /// Default: metadata.json of Teachable Machine or labels.txt beside model.json.
  std::optional<std::string> labels = {};
  std::string labels_name = "labels";  ///< for messages
  element weights = element::f32;      ///< f16: half as long, a little less exact
};

/// What was read and made, for a person to read.
struct conversion_report {
  std::string model_json;          ///< name of the file
  std::vector<std::string> files;  ///< all that were read, by their names
  std::string form;                ///< "layers model" or "graph model"
  std::string name;                ///< the model's own name; may be empty
  std::size_t source_layers = 0;   ///< layers of the Keras model, or nodes of the graph
  std::size_t source_weights = 0;
  std::size_t shards = 0;
  std::uint64_t weight_bytes = 0;
  std::string labels;  ///< name of the file of class names; empty without any
  std::size_t layers = 0;
  std::uint64_t parameters = 0;
  std::uint64_t multiply_adds = 0;
  std::vector<std::string> notes;  ///< decisions a person may want to know of, one line each
};

/// A packed model that can be written to a file or opened with model_from_bytes().
struct conversion {
  std::vector<std::byte> bytes;
  conversion_report report;
};

/// Converts a model on disk. Reads files, writes none. The same files and options give the same bytes.
/// path     model.json, or the folder that has it
/// cost     a second at most for a MobileNet; memory for its weights three times
/// errors   io_error, invalid_argument, shape_mismatch, unsupported: always with the file's name in front, and the
///          field, layer, weight or shard that is wrong
result<conversion> convert_model(const std::string& path, const convert_options& options = {});

/// Delivers a file of the model by the name that model.json has for it ("group1-shard1of1.bin"), or an error: io_error
/// for a file that does not exist. It is asked for "model.json" first, and for files that may be missing:
/// metadata.json, labels.txt.
using deliver_file = std::function<result<std::vector<std::byte>>(const std::string& name)>;

/// Converts a model whose files the host delivers.
/// errors   those of convert_model(path), and what `deliver` returns
result<conversion> convert_model(const deliver_file& deliver, const convert_options& options = {});

MOBILENET_NAMESPACE_END
