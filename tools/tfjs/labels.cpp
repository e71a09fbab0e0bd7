#include "tfjs/labels.hpp"

#include "tfjs/json_value.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

namespace mobilenet::tools {
namespace {

using names = std::vector<std::string>;

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; });
}

error wrong_line(std::size_t number, const std::string& what) {
  return {errc::invalid_argument, "line " + std::to_string(number) + " is " + what};
}

result<names> read_lines(std::string_view text) {
  names lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    text.remove_prefix(std::min(end + 1, text.size()));
    lines.emplace_back(line);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) return wrong_line(i + 1, "empty, expected a class name");
    if (has_control_characters(lines[i]))
      return wrong_line(i + 1, "\"" + excerpt(lines[i], 40) + "\", expected text without control characters");
  }
  return lines;
}

result<std::string> name_of(const json_value& field) {
  auto name = field.string();
  if (name && (name->empty() || has_control_characters(*name)))
    return field.wrong("a class name without control characters");
  return name;
}

result<names> read_array(const json_value& list) {
  names all;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto name = name_of(list[i]);
    if (!name) return std::move(name).error();
    all.push_back(*std::move(name));
  }
  return all;
}

std::optional<std::size_t> as_index(std::string_view text) {
  std::size_t index = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), index);
  return failed == std::errc() && end == text.data() + text.size() ? std::optional(index) : std::nullopt;
}

// {"cat": 0} or {"0": "cat"}: the numbers are all those from 0 to n - 1.
result<names> read_indices(const json_value& object) {
  const auto keys = object.keys();
  names all(keys.size());
  for (const std::string& key : keys) {
    const json_value field = object[key];
    std::optional<std::size_t> index = as_index(key);
    std::string name;
    if (field.is_number()) {
      const auto number = field.unsigned_integer();
      if (!number) return number.error();
      index = *number;
      name = key;
    } else {
      auto text = name_of(field.is_array() ? field[1] : field);
      if (!text) return std::move(text).error();
      name = *std::move(text);
    }
    const std::string expected = "a number from 0 to " + std::to_string(keys.size() - 1) + ", each once";
    if (!index || *index >= all.size() || !all[*index].empty())
      return field.is_number() ? field.wrong(expected)
                               : error{errc::invalid_argument, "\"" + excerpt(key, 40) + "\": expected " + expected};
    if (name.empty() || has_control_characters(name))
      return error{errc::invalid_argument, "\"" + excerpt(name, 40) + "\": expected text without control characters"};
    all[*index] = std::move(name);
  }
  return all;
}

result<names> read_json(std::string_view text) {
  const auto document = json_document::parse(text);
  if (!document) return document.error();
  const json_value root = document->root();
  if (root.is_array()) return read_array(root);
  if (root["labels"].is_array()) return read_array(root["labels"]);
  return read_indices(root);
}

}  // namespace

result<names> parse_labels(std::string_view text, std::uint32_t classes) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::size_t first = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const std::string_view rest = text.substr(first);
  const bool json = rest.starts_with('[') || rest.starts_with('{');
  auto all = json ? read_json(rest) : read_lines(text);
  if (!all) return all;
  if (all->size() == std::size_t{classes} + 1 && all->front() == "background") all->erase(all->begin());
  if (all->size() != classes)
    return error{errc::invalid_argument, "has " + std::to_string(all->size()) + (json ? " names" : " lines") +
                                             ", expected " + std::to_string(classes) +
                                             ", one for each class of the model"};
  return all;
}

}  // namespace mobilenet::tools
