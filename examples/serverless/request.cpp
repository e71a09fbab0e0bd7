#include "request.hpp"

#include "base64.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace serverless {

namespace {

constexpr std::size_t most_classes = 1000;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// A header's parameter: name="value" or name=value. None where it is not there.
std::optional<std::string_view> header_parameter(std::string_view header, std::string_view name) {
  const auto drop_until = [&](std::size_t end) { header.remove_prefix(std::min(end, header.size())); };
  for (drop_until(header.find(';')); header.starts_with(';'); drop_until(header.find(';'))) {
    header.remove_prefix(1);
    const std::size_t equals = header.find_first_of("=;");
    if (equals == header.npos || header[equals] == ';') continue;
    const std::string_view key = trimmed(header.substr(0, equals));
    header.remove_prefix(equals + 1);
    drop_until(header.find_first_not_of(" \t"));
    std::string_view value = header.substr(0, header.find(';'));
    if (header.starts_with('"')) {
      value = header.substr(1, header.find('"', 1) - 1);
      drop_until(value.size() + 2);  // a semicolon inside the quotes ends nothing
    }
    if (equal_ignoring_case(key, name)) return trimmed(value);
  }
  return std::nullopt;
}

// Value of a header among a part's header lines.
std::string_view part_header(std::string_view headers, std::string_view name) {
  while (!headers.empty()) {
    const std::size_t end = std::min(headers.find("\r\n"), headers.size());
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(std::min(end + 2, headers.size()));
    const std::size_t colon = line.find(':');
    if (colon != line.npos && equal_ignoring_case(line.substr(0, colon), name)) return trimmed(line.substr(colon + 1));
  }
  return {};
}

// RFC 7578. The image is the field named "image", or else the first one with a file name; "top" may come along.
outcome<image_request> image_of_form(std::string_view content_type, std::string_view body, const settings& s) {
  const std::string_view boundary = header_parameter(content_type, "boundary").value_or("");
  if (boundary.empty() || boundary.size() > 70)
    return failure{kind::invalid_request,
                   "multipart/form-data: found no boundary of 1 to 70 characters in Content-Type"};
  const std::string delimiter = "\r\n--" + std::string(boundary);
  image_request request{.top = s.top};
  bool found = false;
  // The first delimiter may stand at the very beginning, without the line break that belongs to it.
  std::size_t at = body.npos;
  if (body.starts_with(std::string_view(delimiter).substr(2)))
    at = delimiter.size() - 2;
  else if (const std::size_t first = body.find(delimiter); first != body.npos)
    at = first + delimiter.size();
  for (;;) {
    if (at >= body.size())
      return failure{kind::invalid_request, "multipart/form-data: the body ends before its closing boundary"};
    if (body.substr(at).starts_with("--")) break;
    const std::size_t line_end = body.find("\r\n", at);
    const std::size_t headers_end = line_end == body.npos ? body.npos : body.find("\r\n\r\n", line_end);
    const std::size_t end = headers_end == body.npos ? body.npos : body.find(delimiter, headers_end + 2);
    if (end == body.npos)
      return failure{kind::invalid_request, "multipart/form-data: the body ends before its closing boundary"};
    const std::string_view headers = body.substr(line_end + 2, headers_end - line_end);
    const std::size_t content = std::min(headers_end + 4, end);
    const std::string_view disposition = part_header(headers, "Content-Disposition");
    const auto name = header_parameter(disposition, "name");
    const bool has_file_name = header_parameter(disposition, "filename") || header_parameter(disposition, "filename*");
    if (name == "top") {
      auto top = parse_top(trimmed(body.substr(content, end - content)));
      if (!top) return top.error();
      request.top = *top;
    } else if (name == "image" || (!found && has_file_name)) {
      request.image = std::as_bytes(std::span(body.substr(content, end - content)));
      found = true;
    }
    at = end + delimiter.size();
  }
  if (!found)
    return failure{kind::missing_image, "multipart/form-data: found no field \"image\" and no field with a file name"};
  return request;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string media_type(std::string_view content_type) {
  std::string type(trimmed(content_type.substr(0, content_type.find(';'))));
  std::transform(type.begin(), type.end(), type.begin(), lower);
  return type;
}

std::string_view query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = pair.find('=');
    if (equals != pair.npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
  }
  return {};
}

outcome<std::size_t> parse_top(std::string_view text) {
  std::size_t top = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), top);
  if (error != std::errc{} || end != text.data() + text.size() || top == 0 || top > most_classes)
    return failure{kind::invalid_parameter, "top: found " + shown(text) + ", expected an integer from 1 to 1000"};
  return top;
}

outcome<std::span<std::byte>> decode_base64_field(std::span<char> text, std::string_view what) {
  const std::string_view all(text.data(), text.size());
  if (all.starts_with("data:")) {
    const std::size_t comma = all.find(',');
    const bool marked = comma != all.npos && all.substr(0, comma).ends_with(";base64");
    if (!marked)
      return failure{kind::invalid_base64,
                     std::string(what) + ": found a data: URL without \";base64,\", expected one with it"};
    text = text.subspan(comma + 1);
  }
  auto bytes = decode_base64(text);
  if (!bytes) return failure{bytes.error().what, std::string(what) + ": " + bytes.error().message};
  return bytes;
}

outcome<image_request> image_of_parameters(json_value& parameters, const settings& s) {
  if (!parameters.IsObject())
    return failure{kind::invalid_parameter,
                   "found " + std::string(type_name(parameters)) + ", expected an object with the field \"image\""};
  image_request request{.top = s.top};
  if (const json_value* top = find(parameters, "top"); top != nullptr && !top->IsNull()) {
    const bool is_text = top->IsString();  // a web action's query parameters are all text
    if (!is_text && !top->IsNumber())
      return failure{kind::invalid_parameter,
                     "top: found " + std::string(type_name(*top)) + ", expected an integer from 1 to 1000"};
    auto parsed = parse_top(is_text ? std::string(text_of(*top)) : to_json(*top));
    if (!parsed) return parsed.error();
    request.top = *parsed;
  }
  json_value* image = find(parameters, "image");
  if (image == nullptr || image->IsNull())
    return failure{kind::missing_image, "image: found no such field, expected base64 of a JPEG, PNG or BMP file"};
  if (!image->IsString())
    return failure{kind::invalid_parameter,
                   "image: found " + std::string(type_name(*image)) + ", expected a string with base64"};
  auto bytes = decode_base64_field(writable_text(*image), "image");
  if (!bytes) return bytes.error();
  image->SetNull();  // its text is no text any more
  request.image = *bytes;
  return request;
}

outcome<held_request> image_of_body(std::string_view content_type, std::string body, const settings& s) {
  const std::string type = media_type(content_type);
  const auto received = clock::now();
  held_request held{.request = {.top = s.top}};
  if (type == "application/json" || type.ends_with("+json")) {
    auto parsed = json_document::parse(std::move(body), "body");
    if (!parsed) return parsed.error();
    held.json.emplace(std::move(*parsed));
    auto request = image_of_parameters(held.json->root(), s);
    if (!request) return request.error();
    held.request = *request;
  } else if (type == "multipart/form-data") {
    held.bytes = std::make_unique<std::string>(std::move(body));
    auto request = image_of_form(content_type, *held.bytes, s);
    if (!request) return request.error();
    held.request = *request;
  } else {
    // Whatever a client calls it (curl --data-binary says application/x-www-form-urlencoded): the bytes decide.
    held.bytes = std::make_unique<std::string>(std::move(body));
    held.request.image = std::as_bytes(std::span(*held.bytes));
  }
  held.request.received = received;
  return held;
}

}  // namespace serverless
