#include "trace.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace serverless {

namespace {

bool is_hexadecimal(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos &&
         text.find_first_not_of('0') != text.npos;
}

// An id that somebody else made: short, printable, without blanks.
bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string_view xray_field(std::string_view trace, std::string_view name) {
  while (!trace.empty()) {
    const std::string_view field = trace.substr(0, trace.find(';'));
    trace.remove_prefix(std::min(field.size() + 1, trace.size()));
    if (field.starts_with(name)) return field.substr(name.size());
  }
  return {};
}

}  // namespace

request_ids ids_of_headers(const std::function<std::string_view(std::string_view name)>& header) {
  request_ids ids;
  const std::string_view given = header("X-Request-Id");
  ids.request = is_id(given) ? std::string(given) : new_id();

  const std::string_view parent = header("traceparent");  // version-trace-span-flags
  if (parent.size() >= 55 && parent[2] == '-' && parent[35] == '-' && parent[52] == '-' &&
      is_hexadecimal(parent.substr(3, 32), 32) && is_hexadecimal(parent.substr(36, 16), 16)) {
    ids.trace = parent.substr(3, 32);
    ids.span = parent.substr(36, 16);
    return ids;
  }
  const std::string_view cloud = header("X-Cloud-Trace-Context");  // trace/span;o=options
  const std::string_view trace = cloud.substr(0, cloud.find('/'));
  if (!is_hexadecimal(trace, 32)) return ids;
  ids.trace = trace;
  const std::string_view span = cloud.substr(std::min(trace.size() + 1, cloud.size()));
  if (const auto number = span.substr(0, span.find(';')); is_id(number)) ids.span = number;
  return ids;
}

request_ids ids_of_xray(std::string_view request_id, std::string_view trace) {
  return {std::string(request_id), std::string(xray_field(trace, "Root=")), std::string(xray_field(trace, "Parent="))};
}

}  // namespace serverless
