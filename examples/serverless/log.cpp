#include "log.hpp"

#include "json.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

namespace serverless {

namespace {

log_format format = log_format::text;
request_ids ids;

// "2026-11-25T08:49:37.123Z"
std::string timestamp() {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm t{};
  ::gmtime_r(&now.tv_sec, &t);
  char text[80];
  const int n = std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1,
                              t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, static_cast<int>(now.tv_nsec / 1'000'000));
  return {text, static_cast<std::size_t>(n)};
}

// A log must stay valid JSON whatever bytes a request repeats in a message.
std::string log_text(std::string_view text) {
  if (is_utf8(text)) return json_text(text);
  std::string ascii(text);
  for (char& c : ascii)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return json_text(ascii);
}

std::string json_line(std::string_view severity, std::string_view message, const log_field* fields, std::size_t count) {
  std::string line =
      "{\"severity\":" + json_text(severity) + ",\"time\":\"" + timestamp() + "\",\"message\":" + log_text(message);
  const auto add = [&](std::string_view name, std::string_view json) {
    line.append(",").append(json_text(name)).append(":").append(json);
  };
  if (!ids.request.empty()) add("requestId", log_text(ids.request));
  if (!ids.trace.empty()) add("traceId", log_text(ids.trace));
  if (!ids.span.empty()) add("spanId", log_text(ids.span));
  // Cloud Logging groups lines by this field, which contains the project's name.
  if (const char* project = std::getenv("GOOGLE_CLOUD_PROJECT"); project != nullptr && !ids.trace.empty())
    add("logging.googleapis.com/trace", log_text("projects/" + std::string(project) + "/traces/" + ids.trace));
  for (std::size_t i = 0; i < count; ++i) add(fields[i].name, fields[i].json);
  return line + "}\n";
}

}  // namespace

void set_log_format(log_format wanted) { format = wanted; }
log_format current_log_format() { return format; }

log_scope::log_scope(request_ids given) { ids = std::move(given); }
log_scope::~log_scope() { ids = {}; }

void log_line(std::string_view message, const log_field* fields, std::size_t count) {
  write_all(STDOUT_FILENO,
            format == log_format::json ? json_line("INFO", message, fields, count) : std::string(message) + '\n');
}

void log_line(std::string_view message, std::initializer_list<log_field> fields) {
  log_line(message, fields.begin(), fields.size());
}

void log_error(std::string_view message, std::string_view kind) {
  if (format == log_format::text) {
    std::string line = "error: ";
    if (!kind.empty()) line.append(kind).append(": ");
    write_all(STDERR_FILENO, line.append(message) + '\n');
    return;
  }
  const log_field field{"kind", json_text(kind)};
  write_all(STDERR_FILENO, json_line("ERROR", message, &field, kind.empty() ? 0 : 1));
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ::ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string decimal(double value, int places) {
  char buffer[48];
  const int n = std::snprintf(buffer, sizeof buffer, "%.*f", places, value);
  return {buffer, static_cast<std::size_t>(n)};
}

std::string new_id() {
  std::array<unsigned char, 16> bits{};
  if (::getrandom(bits.data(), bits.size(), 0) != static_cast<::ssize_t>(bits.size())) {
    static std::uint64_t count = 0;
    const auto now = static_cast<std::uint64_t>(clock::now().time_since_epoch().count());
    return std::to_string(now) + '-' + std::to_string(++count);
  }
  constexpr char digits[] = "0123456789abcdef";
  std::string id;
  for (const unsigned char b : bits) id += {digits[b >> 4], digits[b & 15]};
  return id;
}

std::size_t resident_bytes(int process) {
  char path[40];
  std::snprintf(path, sizeof path, "/proc/%d/statm", process);
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return 0;
  char line[128] = "";
  const std::size_t length = std::fread(line, 1, sizeof line - 1, file);
  std::fclose(file);
  line[length] = '\0';
  char* rest = line;
  (void)std::strtoull(rest, &rest, 10);  // the first number is the virtual size
  return static_cast<std::size_t>(std::strtoull(rest, nullptr, 10)) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace serverless
