#include "actionloop.hpp"

#include "../log.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace serverless {

namespace {

constexpr int answers = 3;  // file descriptor

/// Lines from standard input, of any length up to a limit.
class line_reader {
 public:
  explicit line_reader(std::size_t limit) : limit_(limit) {}

  enum class state : unsigned char { whole, too_long, no_memory };
  struct line {
    std::string text;
    state is = state::whole;  ///< otherwise the text was thrown away
  };

  /// The next line without its end; nothing at the end of input.
  std::optional<line> next() {
    line result;
    const auto throw_away = [&](state why) {
      pending_ = {};
      result.text = {};
      result.is = why;
    };
    std::size_t searched = 0;
    for (;;) {
      const std::size_t end = pending_.find('\n', searched);
      if (end != pending_.npos || (ended_ && !pending_.empty())) {
        if (result.is == state::whole && std::min(end, pending_.size()) > limit_) result.is = state::too_long;
        try {
          if (result.is == state::whole) result.text = pending_.substr(0, end);
        } catch (const std::bad_alloc&) {
          result.is = state::no_memory;
        }
        pending_.erase(0, end == pending_.npos ? end : end + 1);
        if (pending_.empty()) pending_ = {};  // gives a large line's memory back
        return result;
      }
      if (ended_) return result.is != state::whole ? std::optional(std::move(result)) : std::nullopt;
      if (pending_.size() > limit_) throw_away(state::too_long);
      searched = pending_.size();
      try {
        read_more();
      } catch (const std::bad_alloc&) {
        throw_away(state::no_memory);
        searched = 0;
      }
    }
  }

 private:
  void read_more() {
    constexpr std::size_t block = 64 * 1024;
    const std::size_t had = pending_.size();
    pending_.resize(had + block);
    ::ssize_t n;
    do n = ::read(STDIN_FILENO, pending_.data() + had, block);
    while (n < 0 && errno == EINTR);
    pending_.resize(had + (n > 0 ? static_cast<std::size_t>(n) : 0));
    ended_ = n <= 0;
  }

  std::size_t limit_;
  std::string pending_;
  bool ended_ = false;
};

// What is wrong with a line that was thrown away.
failure thrown_away(const settings& s, line_reader::state why) {
  if (why == line_reader::state::no_memory) return {kind::out_of_memory, "no memory left for this request"};
  return {kind::body_too_large, "the line is longer than the limit of " + std::to_string(s.max_body) + " bytes"};
}

std::string answer_line(const settings& s, const whisk_action& action, line_reader::line line, environment& context) {
  const auto failed = [](const failure& f) {
    log_error(f.message);
    return error_json(f.message);
  };
  if (line.is != line_reader::state::whole) return failed(thrown_away(s, line.is));
  try {
    auto request = json_document::parse(std::move(line.text), "line");
    return request ? activate(action, request->root(), context).json : failed(request.error());
  } catch (const std::bad_alloc&) {
    return failed(thrown_away(s, line_reader::state::no_memory));
  }
}

}  // namespace

int serve_actionloop(const settings& s, const whisk_action& action) {
  if (auto ready = action.initialize("main"); !ready) {
    log_error(ready.error().message);
    return 1;
  }
  if (std::getenv("__OW_WAIT_FOR_ACK") != nullptr && !write_all(answers, "{\"ok\":true}\n")) return 1;
  line_reader lines(s.max_body);
  environment context;
  while (auto line = lines.next()) {
    // The log is complete here: every line of it was written at once, and only then comes the answer.
    if (!write_all(answers, answer_line(s, action, std::move(*line), context) + '\n')) {
      log_error("cannot write to file descriptor 3, expected ActionLoop's pipe");
      return 1;
    }
  }
  return 0;
}

int run_native(const settings& s, const whisk_action& action, const char* parameters) {
  const auto finish = [](const std::string& json) { return write_all(STDOUT_FILENO, json + '\n') ? 0 : 1; };
  const auto failed = [&](const failure& f) {
    log_error(f.message);
    return finish(error_json(f.message));
  };
  try {
    std::string text;
    if (parameters != nullptr) {
      text = parameters;
    } else {
      // All of the input, not only a line: a person may pipe a formatted file.
      line_reader lines(s.max_body);
      while (auto line = lines.next()) {
        if (text.size() + line->text.size() > s.max_body) line->is = line_reader::state::too_long;
        if (line->is != line_reader::state::whole) return failed(thrown_away(s, line->is));
        text += line->text;
        text += '\n';
      }
    }
    if (auto ready = action.initialize("main"); !ready) return failed(ready.error());
    auto value = json_document::parse(std::move(text), "parameters");
    if (!value) return failed(value.error());
    if (!value->root().IsObject())
      return failed({kind::invalid_parameter, "The action did not receive a dictionary as an argument."});
    auto result = action.run(value->root());
    return result ? finish(*result) : failed(result.error());
  } catch (const std::bad_alloc&) {
    return failed(thrown_away(s, line_reader::state::no_memory));
  }
}

}  // namespace serverless
