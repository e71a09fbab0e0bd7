// A TensorFlow.js model on disk: model.json and the shards that it names. Knows bytes and names; what the
// topology means is for keras_topology.hpp and graph_topology.hpp.
#pragma once

#include "tfjs/json_value.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mobilenet::tools {

/// How a weight's elements lie in the shards.
enum class stored_as : std::uint8_t { float32, float16, uint8, uint16, int32, boolean };

/// One tensor of the weights manifest. Non-owning: its bytes are the tfjs_model's.
struct tfjs_weight {
  std::string name;                  ///< as the manifest has it
  std::vector<std::uint32_t> shape;  ///< empty: a scalar
  stored_as type = stored_as::float32;
  bool integers = false;  ///< int32 or bool, quantised or not
  double scale = 1.0;     ///< of quantised weights: value = q * scale + min
  double min = 0.0;
  std::span<const std::byte> bytes;

  std::size_t elements() const noexcept;
  /// The elements as float32; quantised ones computed in double and rounded once, as tfjs does.
  std::vector<float> values() const;
};

/// "[3, 3, 3, 8]".
std::string to_string(std::span<const std::uint32_t> shape);

/// A model.json that was parsed, and every weight that its manifest lists, found and checked against its shard.
/// Move-only; json_values and weights stay valid when it is moved.
class tfjs_model {
 public:
  /// Reads model.json and all shards. `path` is the file, or the folder that has it.
  ///
  /// Stricter than the loaders of TensorFlow.js, which take bytes from the shards one weight after the other
  /// without comparing lengths: there, a shard of a wrong length silently shifts every weight after it.
  /// errors   io_error, invalid_argument, unsupported (dtypes): with the path of model.json or shard in front
  static result<tfjs_model> open(const std::string& path);

  const std::string& path() const noexcept { return path_; }      ///< of model.json
  const std::string& folder() const noexcept { return folder_; }  ///< of model.json, as a prefix: "" or ends in '/'
  json_value root() const { return document_.root(); }
  json_value topology() const { return root()["modelTopology"]; }
  /// A GraphDef; otherwise a Keras model. The field `format` may lie, and old files have none.
  bool is_graph() const { return static_cast<bool>(topology()["node"]); }

  /// In the manifest's order, without those of an optimizer.
  std::span<const tfjs_weight> weights() const noexcept { return weights_; }
  std::size_t shards() const noexcept { return shard_files_.size(); }
  std::uint64_t weight_bytes() const noexcept { return weight_bytes_; }
  /// Whether a path leads to model.json or to a shard.
  bool has_file(const std::string& path) const;

 private:
  result<void> read_group(const json_value& group);

  std::string path_;
  std::string folder_;
  json_document document_;
  std::vector<tfjs_weight> weights_;
  std::vector<std::vector<std::byte>> groups_;  // one for each group of the manifest; the weights point into them
  std::vector<std::string> shard_files_;
  std::uint64_t weight_bytes_ = 0;
};

}  // namespace mobilenet::tools
