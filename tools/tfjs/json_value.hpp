// JSON that somebody else wrote: every question about it can be answered by an error that names the field.
#pragma once

#include "tfjs/json_types.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mobilenet::tools {

/// A value inside a JSON document, with the path by which it was reached: "config.layers[3].strides".
/// Non-owning: the document must outlive it. May stand for a value that is not there.
class json_value {
 public:
  json_value() = default;
  json_value(const json_node* value, std::string path) : value_(value), path_(std::move(path)) {}

  const std::string& path() const noexcept { return path_; }

  /// Whether there is a value at all; null counts as none, as Keras and tfjs write it for "not given".
  explicit operator bool() const noexcept { return value_ != nullptr && !value_->IsNull(); }
  bool is_object() const noexcept { return value_ != nullptr && value_->IsObject(); }
  bool is_array() const noexcept { return value_ != nullptr && value_->IsArray(); }
  bool is_string() const noexcept { return value_ != nullptr && value_->IsString(); }
  bool is_number() const noexcept { return value_ != nullptr && value_->IsNumber(); }

  /// A member of an object, or a value that is not there. Of two members of one name the last, as in JavaScript.
  json_value operator[](std::string_view key) const;
  /// An element of an array, or a value that is not there.
  json_value operator[](std::size_t index) const;
  /// The members of an object, in its order; none of anything else.
  std::vector<json_value> members() const;
  /// The names of an object's members, in its order, each once.
  std::vector<std::string> keys() const;
  /// Number of elements of an array, else 0.
  std::size_t size() const noexcept { return is_array() ? value_->Size() : 0; }

  // Each of these reports `path: found X, expected Y` where the value is something else or not there.
  result<json_value> object() const;
  result<json_value> array() const;
  result<std::string> string() const;
  result<double> number() const;  ///< finite: JSON knows no others
  result<bool> boolean() const;
  result<std::uint32_t> positive_integer() const;  ///< 1 to 2^31 - 1; 2.0 is one
  result<std::uint32_t> unsigned_integer() const;  ///< 0 to 2^31 - 1
  result<std::int64_t> integer() const;            ///< also as text: GraphDef writes "3"
  result<std::vector<std::uint32_t>> positive_integers(std::size_t count) const;

  /// invalid_argument: `path: found X, expected Y`.
  error wrong(std::string_view expected) const;
  /// The value as it is shown in errors: `"two"`, `-3`, `[1, 2]`, `an object`, `nothing`.
  std::string shown() const;

 private:
  std::optional<std::int64_t> whole_number() const;

  const json_node* value_ = nullptr;
  std::string path_;
};

/// Text for an error message or a report: control characters escaped, long texts cut.
std::string excerpt(std::string_view text, std::size_t longest = 100);

/// An owned, parsed document.
class json_document {
 public:
  /// Never recurses: the depth of hostile nesting costs no stack.
  /// errors   invalid_argument: says at which byte the text stops being JSON
  static result<json_document> parse(std::string_view text);

  json_value root() const { return {document_.get(), {}}; }

 private:
  std::unique_ptr<json_tree> document_;  // keeps its address when this moves: json_values point into it
};

}  // namespace mobilenet::tools
