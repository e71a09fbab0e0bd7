#include "tfjs/graph_node.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace mobilenet::tools {
namespace {

std::optional<std::string> base64_decoded(std::string_view text) {
  std::string decoded;
  std::uint32_t bits = 0;
  int count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+' || c == '-' ? 62
                      : c == '/' || c == '_' ? 63
                                             : -1;
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xfffu;
    count += 6;
    if (count >= 8) {
      count -= 8;
      decoded += static_cast<char>(bits >> count & 0xffu);
    }
  }
  return decoded;
}

// base64, or in old files an array of bytes.
result<std::string> text_of(const json_value& field) {
  std::string text;
  if (field.is_string()) {
    auto decoded = base64_decoded(*field.string());
    if (!decoded) return field.wrong("base64");
    text = *std::move(decoded);
  } else {
    if (!field.is_array()) return field.wrong("base64");
    for (std::size_t i = 0; i < field.size(); ++i) {
      const auto byte = field[i].unsigned_integer();
      if (!byte || *byte > 255) return field[i].wrong("a byte");
      text += static_cast<char>(*byte);
    }
  }
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

}  // namespace

result<graph_node> graph_node::read(const json_value& entry) {
  if (const auto r = entry.object(); !r) return r.error();
  graph_node made;
  auto name = entry["name"].string();
  if (!name) return std::move(name).error();
  const bool printable_name = std::all_of(name->begin(), name->end(),
                                          [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (name->empty() || !printable_name) return entry["name"].wrong("a name of printable characters");
  auto op = entry["op"].string();
  if (!op) return std::move(op).error();
  made.id_ = {*std::move(name), *std::move(op), "node"};
  made.attributes_ = entry["attr"];

  const json_value inputs = entry["input"];
  if (inputs && !inputs.is_array()) return inputs.wrong("an array of names");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto input = inputs[i].string();
    if (!input) return std::move(input).error();
    if (input->starts_with('^')) continue;
    if (input->ends_with(":0")) input->resize(input->size() - 2);
    made.inputs_.push_back(*std::move(input));
  }
  return made;
}

result<std::string> graph_node::text(std::string_view key, std::string_view standard) const {
  const json_value field = attributes_[key]["s"];
  if (!field) return std::string(standard);
  return text_of(field);
}

result<std::vector<std::string>> graph_node::texts(std::string_view key) const {
  const json_value list = attributes_[key]["list"]["s"];
  if (list && !list.is_array()) return list.wrong("an array");
  std::vector<std::string> made;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto text = text_of(list[i]);
    if (!text) return std::move(text).error();
    made.push_back(*std::move(text));
  }
  return made;
}

result<std::vector<std::int64_t>> graph_node::integers(std::string_view key) const {
  const json_value list = attributes_[key]["list"]["i"];
  if (list && !list.is_array()) return list.wrong("an array");
  std::vector<std::int64_t> made;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto n = list[i].integer();
    if (!n) return n.error();
    made.push_back(*n);
  }
  return made;
}

result<bool> graph_node::flag(std::string_view key) const {
  const json_value field = attributes_[key]["b"];
  if (!field) return false;
  return field.boolean();
}

result<double> graph_node::number(std::string_view key, double standard) const {
  const json_value attribute = attributes_[key];
  if (attribute["f"]) return attribute["f"].number();
  if (!attribute["i"]) return standard;
  const auto n = attribute["i"].integer();
  if (!n) return n.error();
  return static_cast<double>(*n);
}

}  // namespace mobilenet::tools
