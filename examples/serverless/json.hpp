// JSON in and out: RapidJSON, parsed in place, with bounds that no request of ours comes near.
#pragma once

#include "failure.hpp"

// Vector reads pass a buffer's end, within the same 16 bytes: harmless, but AddressSanitizer minds.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1  // as g++ says it
#endif
#endif
#if defined(__SSE2__) && !defined(__SANITIZE_ADDRESS__)
#define RAPIDJSON_SSE2
#elif defined(__ARM_NEON) && !defined(__SANITIZE_ADDRESS__)
#define RAPIDJSON_NEON
#endif
#define RAPIDJSON_HAS_STDSTRING 1
#define RAPIDJSON_ASSERT(condition) ((void)0)  // every access below asks for the type first
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#endif
#include "tfjs/json_types.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace serverless {

namespace detail {

/// Passes a parser's events on to the document and stops at a depth, so that nothing that walks the tree later can
/// run out of stack, and at a count, so that 8 MB of "[1,1,1,..." do not become 128 MB of values.
template <class Document>
class bounded_events {
 public:
  static constexpr unsigned max_depth = 64;
  static constexpr unsigned max_values = 100'000;

  explicit bounded_events(Document& document) : document_(document) {}
  bool too_deep() const { return depth_ > max_depth; }

  using size = rapidjson::SizeType;
  bool Null() { return counted() && document_.Null(); }
  bool Bool(bool b) { return counted() && document_.Bool(b); }
  bool Int(int i) { return counted() && document_.Int(i); }
  bool Uint(unsigned u) { return counted() && document_.Uint(u); }
  bool Int64(std::int64_t i) { return counted() && document_.Int64(i); }
  bool Uint64(std::uint64_t u) { return counted() && document_.Uint64(u); }
  bool Double(double d) { return counted() && document_.Double(d); }
  bool RawNumber(const char* s, size n, bool copy) { return counted() && document_.RawNumber(s, n, copy); }
  bool String(const char* s, size n, bool copy) { return counted() && document_.String(s, n, copy); }
  bool Key(const char* s, size n, bool copy) { return counted() && document_.Key(s, n, copy); }
  bool StartObject() { return deeper() && document_.StartObject(); }
  bool StartArray() { return deeper() && document_.StartArray(); }
  bool EndObject(size n) { return --depth_, document_.EndObject(n); }
  bool EndArray(size n) { return --depth_, document_.EndArray(n); }

 private:
  bool counted() { return ++values_ <= max_values; }
  bool deeper() { return counted() && ++depth_ <= max_depth; }

  Document& document_;
  unsigned depth_ = 0;
  unsigned values_ = 0;
};

}  // namespace detail

using mobilenet::tools::throwing_allocator;
using json_value = mobilenet::tools::json_node;
using json_buffer = rapidjson::GenericStringBuffer<rapidjson::UTF8<>, throwing_allocator>;
using json_writer = rapidjson::Writer<json_buffer, rapidjson::UTF8<>, rapidjson::UTF8<>, throwing_allocator>;

/// A parsed text. Its strings lie in the text's own memory, which is rewritten by the parser; they may be rewritten
/// once more (base64 to bytes). Move-only.
class json_document {
 public:
  /// what     names the text in a message: "body"
  /// errors   invalid_json. Throws std::bad_alloc
  static outcome<json_document> parse(std::string text, std::string_view what) {
    json_document parsed;
    parsed.text_ = std::make_unique<std::string>(std::move(text));
    bool too_deep = false;
    bool whole = false;
    rapidjson::ParseResult result;
    auto generate = [&](tree& document) {
      detail::bounded_events events(document);
      rapidjson::InsituStringStream stream(parsed.text_->data());
      rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, throwing_allocator> reader;
      // Iterative: a nested text must not use up the stack.
      result = reader.Parse<rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag>(stream, events);
      too_deep = events.too_deep();
      whole = stream.Tell() == parsed.text_->size();  // a NUL byte looks like the end to the parser
      return !result.IsError();
    };
    parsed.root_.Populate(generate);
    if (result.IsError()) {
      std::string reason = rapidjson::GetParseError_En(result.Code());
      if (result.Code() == rapidjson::kParseErrorTermination)
        reason = too_deep ? "nested more than 64 levels deep" : "more than 100000 values";
      return failure{kind::invalid_json,
                     std::string(what) + ": found no JSON at byte " + std::to_string(result.Offset()) + ": " + reason};
    }
    if (!whole) return failure{kind::invalid_json, std::string(what) + ": found a NUL byte, expected JSON"};
    return parsed;
  }

  json_value& root() { return root_; }

 private:
  using tree = mobilenet::tools::json_tree;

  json_document() = default;
  std::unique_ptr<std::string> text_;  // on the heap: values point into it, also when the document moves
  tree root_;
};

inline std::string_view text_of(const json_value& string) { return {string.GetString(), string.GetStringLength()}; }

/// The members of an object. As a span: comparing RapidJSON's own iterators is ambiguous in C++20, clang warns.
inline std::span<json_value::Member> members(json_value& object) {
  return {object.MemberBegin().operator->(), object.MemberCount()};
}

/// A member's value, or null where there is none.
inline json_value* find(json_value& object, std::string_view name) {
  if (!object.IsObject()) return nullptr;
  for (auto& member : members(object))
    if (text_of(member.name) == name) return &member.value;
  return nullptr;
}

/// A member's text; empty where there is none, or it is no string.
inline std::string_view text_member(json_value& object, std::string_view name) {
  const json_value* member = find(object, name);
  return member != nullptr && member->IsString() ? text_of(*member) : std::string_view{};
}

/// The characters of a string, to be rewritten in place.
inline std::span<char> writable_text(json_value& string) {
  return {const_cast<char*>(string.GetString()), string.GetStringLength()};
}

/// "a string", "an object" and so on, for messages.
inline std::string_view type_name(const json_value& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType: return "null";
    case rapidjson::kFalseType:
    case rapidjson::kTrueType: return "a boolean";
    case rapidjson::kObjectType: return "an object";
    case rapidjson::kArrayType: return "an array";
    case rapidjson::kStringType: return "a string";
    case rapidjson::kNumberType: return "a number";
  }
  return "something";
}

/// A value as one line of JSON.
inline std::string to_json(const json_value& value) {
  json_buffer buffer;
  json_writer writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

/// A text as a JSON string, in quotes.
inline std::string json_text(std::string_view text) {
  json_buffer buffer;
  json_writer writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

inline bool is_utf8(std::string_view text) {
  json_buffer buffer;
  rapidjson::Writer<json_buffer, rapidjson::UTF8<>, rapidjson::UTF8<>, throwing_allocator,
                    rapidjson::kWriteValidateEncodingFlag>
      writer(buffer);
  return writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

/// {"error":"..."}
inline std::string error_json(std::string_view message) { return "{\"error\":" + json_text(message) + '}'; }

/// Text from a request that a message may repeat: printable ASCII, and not too much of it.
inline std::string shown(std::string_view text) {
  std::string safe = "\"";
  for (const char c : text.substr(0, 60)) safe += c >= ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?';
  return safe + (text.size() > 60 ? "...\"" : "\"");
}

}  // namespace serverless
