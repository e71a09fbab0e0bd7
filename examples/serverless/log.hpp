// Lines for the platform's log, as text or as JSON. Each block is written by one write() call and nothing is buffered:
// the platforms expect a log that is complete before the answer, and may freeze a process as soon as it has answered.
#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace serverless {

using clock = std::chrono::steady_clock;

enum class log_format : unsigned char { text, json };

/// For the whole process; text by default.
void set_log_format(log_format format);
log_format current_log_format();

/// What connects the log lines of one request with each other and with those of other services.
struct request_ids {
  std::string request;  ///< Lambda's request id, OpenWhisk's activation id, X-Request-Id
  std::string trace;    ///< of traceparent, X-Cloud-Trace-Context, X-Ray; OpenWhisk's transaction id
  std::string span;
};

/// While it lives, JSON log lines carry these ids. One at a time.
class log_scope {
 public:
  explicit log_scope(request_ids ids);
  log_scope(const log_scope&) = delete;
  log_scope& operator=(const log_scope&) = delete;
  ~log_scope();
};

/// One member of a JSON log line; the value is JSON already.
struct log_field {
  std::string_view name;
  std::string json;
};

/// One line on standard output. The fields appear in JSON only.
void log_line(std::string_view message, std::initializer_list<log_field> fields = {});
void log_line(std::string_view message, const log_field* fields, std::size_t count);

/// One line on standard error: "error: message". `kind` appears in JSON only.
void log_error(std::string_view message, std::string_view kind = {});

/// Writes everything to a file descriptor. False where the reader is gone.
bool write_all(int descriptor, std::string_view text);

/// A number with a fixed count of decimals, in no locale.
std::string decimal(double value, int places = 3);

inline double milliseconds(clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

/// 128 random bits in hexadecimal.
std::string new_id();

/// Resident bytes of a process, shared pages included; 0 where /proc does not show it.
std::size_t resident_bytes(int process);

}  // namespace serverless
