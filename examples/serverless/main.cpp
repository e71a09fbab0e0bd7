// One executable for every platform: finds out where it runs, and speaks that platform's protocol.
#include "actionloop/actionloop.hpp"
#include "handler.hpp"
#include "http/health.hpp"
#include "http/http.hpp"
#include "lambda/lambda.hpp"
#include "log.hpp"
#include "openwhisk/action.hpp"
#include "openwhisk/openwhisk.hpp"
#include "options.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using serverless::command_line;
using serverless::transport;

int complain(const std::string& message) {
  serverless::log_error(message);
  return 2;
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

/// Bytes that the platform allows this container or function; 0 where no such limit exists.
std::uint64_t memory_limit() {
  if (const char* megabytes = std::getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
    return std::strtoull(megabytes, nullptr, 10) * 1024 * 1024;
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) continue;
    char text[32] = "";
    const std::size_t length = std::fread(text, 1, sizeof text - 1, file);
    std::fclose(file);
    text[length] = '\0';
    return std::strtoull(text, nullptr, 10);  // 0 for "max"
  }
  return 0;
}

/// Makes an allocation fail that would have the platform kill the process: a failed one is an answer, with the
/// process and its warm model still there. The model's own pages are the file's and do not count.
void stay_within_memory(unsigned workers) {
#ifndef __SANITIZE_ADDRESS__
  const std::uint64_t limit = memory_limit() / std::max(workers, 1u);
  ::rlimit allowed{};
  if (limit == 0 || ::getrlimit(RLIMIT_DATA, &allowed) != 0) return;
  allowed.rlim_cur = std::min<::rlim_t>(allowed.rlim_max, limit - limit / 8);
  ::setrlimit(RLIMIT_DATA, &allowed);
#endif
}

// Bodies and pixels are returned to the system immediately: glibc would otherwise learn from the first large image to
// keep as much memory forever.
void set_up_allocation() {
  ::mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
  ::mallopt(M_ARENA_MAX, 1);
}

}  // namespace

// Replaces the one that prints the type of an uncaught exception: its demangler makes the executable 50 KB larger.
namespace __gnu_cxx {
void __verbose_terminate_handler() {
  serverless::log_error("ended by an exception that nothing handles");
  std::abort();
}
}  // namespace __gnu_cxx

int main(int argc, char** argv) {
  set_up_allocation();
  std::signal(SIGPIPE, SIG_IGN);

  auto read = serverless::read_command_line(argc, argv);
  if (!read) return complain(read.error().message);
  command_line& c = *read;
  if (c.options.log_json) serverless::set_log_format(serverless::log_format::json);
  const transport chosen = decide(c, argc > 0 ? argv[0] : "");
  // Lambda's base images pass the name of the function's handler, which nothing here needs.
  if (c.parameters != nullptr && chosen != transport::native && chosen != transport::lambda)
    return complain("found the argument \"" + std::string(c.parameters) + "\", expected it with --native only");
  if (c.second_argument && chosen == transport::native)
    return complain("found the argument \"" + std::string(c.parameters) + "\", expected no second one");
  if (c.options.workers != 1 && chosen != transport::http && chosen != transport::undecided)
    return complain("--workers: found another protocol, expected --http");
  stay_within_memory(c.options.workers);

  switch (chosen) {
    case transport::help: return serverless::write_all(STDOUT_FILENO, serverless::usage()) ? 0 : 1;
    case transport::health: return serverless::ask_health(c.options);
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
