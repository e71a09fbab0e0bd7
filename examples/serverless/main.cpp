// One executable for every platform: finds out where it runs, and speaks that platform's protocol.
#include "actionloop/actionloop.hpp"
#include "handler.hpp"
#include "http/http.hpp"
#include "lambda/lambda.hpp"
#include "log.hpp"
#include "openwhisk/action.hpp"
#include "openwhisk/openwhisk.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using serverless::settings;

constexpr std::string_view usage = R"(handler [TRANSPORT] [OPTIONS] [PARAMETERS]

Transports; without one, the environment decides:
  --http         Knative, Cloud Run, OpenFaaS, Azure custom handlers: the default
  --openwhisk    OpenWhisk container: where __OW_API_HOST is set and the name of the program is not exec
  --actionloop   OpenWhisk ActionLoop: a program named exec with an open file descriptor 3
  --native       OpenWhisk one-shot: a program named exec otherwise; PARAMETERS is JSON, or comes on standard input
  --lambda       AWS Lambda: where AWS_LAMBDA_RUNTIME_API is set

Options, and the environment variables that set them too:
  --model PATH        MOBILENET_MODEL        the embedded one, or model.mnet beside the program
  --address ADDRESS   MOBILENET_ADDRESS      to listen on, numeric: 0.0.0.0
  --port PORT         FUNCTIONS_CUSTOMHANDLER_PORT, PORT   8080; OpenWhisk always 8080
  --max-body BYTES    MOBILENET_MAX_BODY     of a request: 8388608
  --max-pixels COUNT  MOBILENET_MAX_PIXELS   of an image: 40000000
  --timeout SECONDS   MOBILENET_TIMEOUT      for a request to arrive: 30
  --top COUNT         MOBILENET_TOP          classes in an answer: 3
  --threads COUNT     MOBILENET_THREADS      for one classification, 0 for all processors: 1
  --quiet             MOBILENET_QUIET        no log lines for successful requests
  --help
)";

enum class transport { undecided, http, openwhisk, actionloop, native, lambda };

struct command_line {
  settings options;
  transport chosen = transport::undecided;
  const char* parameters = nullptr;
  bool port_given = false;
};

int complain(const std::string& message) {
  serverless::log_error("error: " + message);
  return 2;
}

struct numeric_option {
  std::string_view flag;
  const char* variable;
  std::uint64_t low;
  std::uint64_t high;
  void (*store)(settings&, std::uint64_t);
};

template <auto Member>
void store(settings& s, std::uint64_t value) {
  s.*Member = static_cast<std::remove_reference_t<decltype(s.*Member)>>(value);
}

constexpr std::array<numeric_option, 6> numeric_options{{
    {"--port", "PORT", 0, 65535, store<&settings::port>},
    {"--max-body", "MOBILENET_MAX_BODY", 1, std::uint64_t{1} << 31, store<&settings::max_body>},
    {"--max-pixels", "MOBILENET_MAX_PIXELS", 1, std::uint64_t{1} << 32, store<&settings::max_pixels>},
    {"--timeout", "MOBILENET_TIMEOUT", 1, 3600, store<&settings::timeout_seconds>},
    {"--top", "MOBILENET_TOP", 1, 1000, store<&settings::top>},
    {"--threads", "MOBILENET_THREADS", 0, 1024, store<&settings::threads>},
}};

/// Empty, or what is wrong.
std::string parse_number(const numeric_option& option, std::string_view name, std::string_view text, settings& s) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < option.low || value > option.high)
    return std::string(name) + ": found \"" + std::string(text) + "\", expected a number from " +
           std::to_string(option.low) + " to " + std::to_string(option.high);
  option.store(s, value);
  return {};
}

/// Empty, or what is wrong. The environment first, so that flags win.
std::string read_environment(command_line& c) {
  const auto variable = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string_view(text == nullptr ? "" : text);
  };
  c.options.model = variable("MOBILENET_MODEL");
  if (const auto address = variable("MOBILENET_ADDRESS"); !address.empty()) c.options.address = address;
  c.options.quiet = !variable("MOBILENET_QUIET").empty();
  for (const numeric_option& option : numeric_options) {
    const char* name = option.variable;
    if (option.flag == "--port" && !variable("FUNCTIONS_CUSTOMHANDLER_PORT").empty())
      name = "FUNCTIONS_CUSTOMHANDLER_PORT";
    if (const auto text = variable(name); !text.empty())
      if (auto wrong = parse_number(option, name, text, c.options); !wrong.empty()) return wrong;
  }
  return {};
}

std::string read_arguments(int argc, char** argv, command_line& c) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with("--")) {
      if (c.parameters != nullptr)
        return "found the argument \"" + std::string(argument) + "\", expected no second one";
      c.parameters = argv[i];
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string_view flag = argument.substr(0, equals);
    if (flag == "--http")
      c.chosen = transport::http;
    else if (flag == "--openwhisk")
      c.chosen = transport::openwhisk;
    else if (flag == "--actionloop")
      c.chosen = transport::actionloop;
    else if (flag == "--native")
      c.chosen = transport::native;
    else if (flag == "--lambda")
      c.chosen = transport::lambda;
    else if (flag == "--quiet")
      c.options.quiet = true;
    else {
      std::string_view value;
      if (equals != argument.npos)
        value = argument.substr(equals + 1);
      else if (i + 1 < argc)
        value = argv[++i];
      else
        return std::string(flag) + ": found no value after it";
      if (flag == "--model")
        c.options.model = value;
      else if (flag == "--address")
        c.options.address = value;
      else {
        const numeric_option* known = nullptr;
        for (const numeric_option& option : numeric_options)
          if (option.flag == flag) known = &option;
        if (known == nullptr) return "found the option \"" + std::string(flag) + "\", which does not exist; see --help";
        if (auto wrong = parse_number(*known, flag, value, c.options); !wrong.empty()) return wrong;
        c.port_given = c.port_given || flag == "--port";
      }
    }
  }
  return {};
}

transport decide(const command_line& c, std::string_view program) {
  if (c.chosen != transport::undecided) return c.chosen;
  if (std::getenv("AWS_LAMBDA_RUNTIME_API") != nullptr) return transport::lambda;
  if (program.substr(program.rfind('/') + 1) == "exec") {
    // Both call a program of this name; only ActionLoop gives it a file descriptor 3, and never an argument.
    const bool answers_expected = ::fcntl(3, F_GETFD) != -1;
    return c.parameters == nullptr && answers_expected ? transport::actionloop : transport::native;
  }
  if (std::getenv("__OW_API_HOST") != nullptr) return transport::openwhisk;
  return transport::http;
}

/// Bytes that this process may use before the platform ends it; 0 where there is no such limit.
std::uint64_t memory_limit() {
  if (const char* megabytes = std::getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
    return std::strtoull(megabytes, nullptr, 10) * 1024 * 1024;
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) continue;
    unsigned long long limit = 0;  // "max" where there is none
    const int fields = std::fscanf(file, "%llu", &limit);
    std::fclose(file);
    if (fields == 1) return limit;
  }
  return 0;
}

/// Makes an allocation fail that would have the platform kill the process: a failed one is an answer, with the
/// process and its warm model still there. The model's own pages are the file's and do not count.
void stay_within_memory() {
#ifndef __SANITIZE_ADDRESS__
  const std::uint64_t limit = memory_limit();
  ::rlimit allowed{};
  if (limit == 0 || ::getrlimit(RLIMIT_DATA, &allowed) != 0) return;
  allowed.rlim_cur = std::min<::rlim_t>(allowed.rlim_max, limit - limit / 8);
  ::setrlimit(RLIMIT_DATA, &allowed);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  // Bodies and pixels go back to the system at once: glibc would otherwise learn from the first large image to keep
  // as much memory for ever.
  ::mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
  ::mallopt(M_ARENA_MAX, 1);
  std::signal(SIGPIPE, SIG_IGN);
  stay_within_memory();

  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--help") return serverless::write_all(STDOUT_FILENO, usage) ? 0 : 1;
  command_line c;
  if (const auto wrong = read_environment(c); !wrong.empty()) return complain(wrong);
  if (const auto wrong = read_arguments(argc, argv, c); !wrong.empty()) return complain(wrong);
  const transport chosen = decide(c, argc > 0 ? argv[0] : "");
  if (c.parameters != nullptr && chosen != transport::native)
    return complain("found the argument \"" + std::string(c.parameters) + "\", expected it with --native only");

  switch (chosen) {
    case transport::lambda: {
      const char* api = std::getenv("AWS_LAMBDA_RUNTIME_API");
      if (api == nullptr) return complain("AWS_LAMBDA_RUNTIME_API: found nothing, expected the runtime API's address");
      return serverless::serve_lambda(c.options, api);
    }
    case transport::openwhisk: {
      if (!c.port_given) c.options.port = 8080;
      serverless::handler h(c.options);
      return serverless::serve_openwhisk(c.options, serverless::classifier_action(h));
    }
    case transport::actionloop: {
      serverless::handler h(c.options);
      return serverless::serve_actionloop(c.options, serverless::classifier_action(h));
    }
    case transport::native: {
      serverless::handler h(c.options);
      return serverless::run_native(c.options, serverless::classifier_action(h), c.parameters);
    }
    case transport::http:
    case transport::undecided: break;
  }
  return serverless::serve_http(c.options);
}
