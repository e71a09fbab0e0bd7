// A node of a GraphDef in JSON: its inputs, and its attributes with their peculiar spelling.
#pragma once

#include "tfjs/json_value.hpp"
#include "tfjs/layer_origin.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// Attributes: 64-bit integers are strings, strings are base64, and what has its default value may be left out.
class graph_node {
 public:
  static result<graph_node> read(const json_value& entry);

  const layer_origin& id() const noexcept { return id_; }
  const std::string& name() const noexcept { return id_.name; }
  const std::string& op() const noexcept { return id_.kind; }
  /// Names of the nodes whose first output this one reads; without those it only has to wait for ("^name").
  const std::vector<std::string>& inputs() const noexcept { return inputs_; }
  json_value attribute(std::string_view key) const { return attributes_[key]; }

  /// In upper case: "SAME", "NHWC". The standard where there is none.
  result<std::string> text(std::string_view key, std::string_view standard) const;
  result<std::vector<std::string>> texts(std::string_view key) const;
  result<std::vector<std::int64_t>> integers(std::string_view key) const;
  result<bool> flag(std::string_view key) const;
  result<double> number(std::string_view key, double standard) const;

 private:
  layer_origin id_;
  std::vector<std::string> inputs_;
  json_value attributes_;
};

}  // namespace mobilenet::tools
