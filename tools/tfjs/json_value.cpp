#include "tfjs/json_value.hpp"

#include <rapidjson/error/en.h>
#include <algorithm>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <unordered_set>
#include <utility>

namespace mobilenet::tools {

std::string excerpt(std::string_view text, std::size_t longest) {
  std::string shown;
  for (const char c : text) {
    if (shown.size() >= longest && (static_cast<unsigned char>(c) & 0xc0u) != 0x80u) return shown + "...";
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr char digits[] = "0123456789abcdef";
      shown += {'\\', 'x', digits[(c >> 4) & 15], digits[c & 15]};
    } else {
      shown += c;
    }
  }
  return shown;
}

json_value json_value::operator[](std::string_view key) const {
  std::string path = path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  const json_node* found = nullptr;
  if (is_object())
    for (const auto& member : value_->GetObject())
      if (std::string_view(member.name.GetString(), member.name.GetStringLength()) == key) found = &member.value;
  return {found, std::move(path)};
}

json_value json_value::operator[](std::size_t index) const {
  return {index < size() ? &(*value_)[static_cast<rapidjson::SizeType>(index)] : nullptr,
          path_ + "[" + std::to_string(index) + "]"};
}

std::vector<json_value> json_value::members() const {
  std::vector<json_value> all;
  if (is_object())
    for (const auto& member : value_->GetObject())
      all.emplace_back(&member.value,
                       path_ + "." + std::string(member.name.GetString(), member.name.GetStringLength()));
  return all;
}

std::vector<std::string> json_value::keys() const {
  std::vector<std::string> all;
  std::unordered_set<std::string> seen;
  if (is_object())
    for (const auto& member : value_->GetObject())
      if (std::string name(member.name.GetString(), member.name.GetStringLength()); seen.insert(name).second)
        all.push_back(std::move(name));
  return all;
}

std::string json_value::shown() const {
  if (value_ == nullptr) return "nothing";
  switch (value_->GetType()) {
    case rapidjson::kNullType: return "null";
    case rapidjson::kFalseType: return "false";
    case rapidjson::kTrueType: return "true";
    case rapidjson::kObjectType: return "an object";
    case rapidjson::kStringType: return "\"" + excerpt({value_->GetString(), value_->GetStringLength()}, 40) + "\"";
    case rapidjson::kNumberType: {
      if (value_->IsInt64()) return std::to_string(value_->GetInt64());
      if (value_->IsUint64()) return std::to_string(value_->GetUint64());
      char text[32];
      std::snprintf(text, sizeof text, "%.9g", value_->GetDouble());
      return text;
    }
    case rapidjson::kArrayType: {
      if (size() == 0) return "an empty array";
      if (size() > 8) return "an array of " + std::to_string(size());
      std::string text;
      for (std::size_t i = 0; i < size(); ++i) {
        const json_value element = (*this)[i];
        text += (i == 0 ? "[" : ", ") + (element.is_array() ? "an array" : element.shown());
      }
      return text + "]";
    }
  }
  return "something else";
}

error json_value::wrong(std::string_view expected) const {
  return {errc::invalid_argument,
          (path_.empty() ? "the document" : path_) + ": found " + shown() + ", expected " + std::string(expected)};
}

result<json_value> json_value::object() const {
  if (!is_object()) return wrong("an object");
  return *this;
}

result<json_value> json_value::array() const {
  if (!is_array()) return wrong("an array");
  return *this;
}

result<std::string> json_value::string() const {
  if (!is_string()) return wrong("a string");
  return std::string(value_->GetString(), value_->GetStringLength());
}

result<double> json_value::number() const {
  if (!is_number()) return wrong("a number");
  return value_->GetDouble();
}

result<bool> json_value::boolean() const {
  if (value_ == nullptr || !value_->IsBool()) return wrong("true or false");
  return value_->GetBool();
}

std::optional<std::int64_t> json_value::whole_number() const {
  if (!is_number()) return std::nullopt;
  if (value_->IsInt64()) return value_->GetInt64();
  const double d = value_->GetDouble();
  if (std::floor(d) != d || std::fabs(d) > 9007199254740992.0) return std::nullopt;
  return static_cast<std::int64_t>(d);
}

result<std::uint32_t> json_value::positive_integer() const {
  const auto n = whole_number();
  if (!n || *n < 1 || *n > std::numeric_limits<std::int32_t>::max()) return wrong("a positive integer");
  return static_cast<std::uint32_t>(*n);
}

result<std::uint32_t> json_value::unsigned_integer() const {
  const auto n = whole_number();
  if (!n || *n < 0 || *n > std::numeric_limits<std::int32_t>::max()) return wrong("an integer, 0 or more");
  return static_cast<std::uint32_t>(*n);
}

result<std::int64_t> json_value::integer() const {
  if (const auto n = whole_number()) return *n;
  if (is_string()) {
    const std::string_view text(value_->GetString(), value_->GetStringLength());
    std::int64_t n = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failed == std::errc{} && end == text.data() + text.size()) return n;
  }
  return wrong("an integer");
}

result<std::vector<std::uint32_t>> json_value::positive_integers(std::size_t count) const {
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < count && size() == count; ++i)
    if (const auto n = (*this)[i].positive_integer()) numbers.push_back(*n);
  if (numbers.size() != count) return wrong("an array of " + std::to_string(count) + " positive integers");
  return numbers;
}

result<json_document> json_document::parse(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);    // a byte order mark: fetch() drops it too
  if (const std::size_t nul = text.find('\0'); nul != text.npos)  // the parser would take it for the end
    return error{errc::invalid_argument, "not valid JSON at byte " + std::to_string(nul) + ": a NUL byte"};
  json_document made;
  made.document_ = std::make_unique<json_tree>();
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag;
  made.document_->Parse<flags>(text.data(), text.size());
  if (made.document_->HasParseError())
    return error{errc::invalid_argument, "not valid JSON at byte " + std::to_string(made.document_->GetErrorOffset()) +
                                             ": " + rapidjson::GetParseError_En(made.document_->GetParseError())};
  return made;
}

}  // namespace mobilenet::tools
