// A TensorFlow.js model: model.json and the shards that it names. Knows bytes and names; what the
// topology means is for keras_topology.hpp and graph_topology.hpp.
#pragma once

#include "tfjs/json_value.hpp"
#include "tfjs/model_files.hpp"

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
  /// Reads model.json and all shards.
  ///
  /// Stricter than the loaders of TensorFlow.js, which take bytes from the shards one weight after the other
  /// without comparing lengths: there, a shard of a wrong length silently shifts every weight after it.
  /// errors   io_error, invalid_argument, unsupported (dtypes): with the path of model.json or shard in front
  static result<tfjs_model> open(const model_files& files);

  const std::string& path() const noexcept { return path_; }                   ///< of model.json
  std::span<const std::string> files() const noexcept { return files_read_; }  ///< paths of all that was read
  json_value root() const { return document_.root(); }
  json_value topology() const { return root()["modelTopology"]; }
  /// A GraphDef; otherwise a Keras model. The field `format` may lie, and old files have none.
  bool is_graph() const { return static_cast<bool>(topology()["node"]); }

  /// In the manifest's order, without those of an optimizer.
  std::span<const tfjs_weight> weights() const noexcept { return weights_; }
  std::size_t shards() const noexcept { return files_read_.size() - 1; }
  std::uint64_t weight_bytes() const noexcept { return weight_bytes_; }

 private:
  // What a group of the manifest needs from its shards.
  struct group_weights {
    struct place {
      std::size_t weight;
      std::size_t offset;
    };
    std::vector<place> places;  // of the weights that are kept
    std::size_t count = 0;      // of all
    std::uint64_t bytes = 0;
  };
  result<void> read_document(const model_files& files);
  result<group_weights> read_entries(const json_value& group);
  result<file_bytes> read_shards(const model_files& files, const json_value& group, const group_weights& expected);
  result<void> read_group(const model_files& files, const json_value& group);
  error in_file(const error& e) const { return {e.code, path_ + ": " + e.message}; }

  std::string path_;
  std::vector<std::string> files_read_;  // model.json first
  json_document document_;
  std::vector<tfjs_weight> weights_;
  std::vector<file_bytes> groups_;  // one for each group of the manifest; the weights point into them
  std::uint64_t weight_bytes_ = 0;
};

}  // namespace mobilenet::tools
