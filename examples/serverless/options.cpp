#include "options.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <type_traits>

namespace serverless {

namespace {

/// One option: a row of the table below drives the flag, the environment variable and --help.
struct option {
  std::string_view flag;
  std::string_view value;                  ///< its name in --help; empty: a switch
  std::array<const char*, 2> variables{};  ///< the first one that is set counts
  std::string_view help;
  /// Stores the text. Empty, or what was expected.
  std::string (*store)(settings&, std::string_view);
};

template <auto Member, std::uint64_t Low, std::uint64_t High>
std::string number(settings& s, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < Low || value > High)
    return "a number from " + std::to_string(Low) + " to " + std::to_string(High);
  s.*Member = static_cast<std::remove_reference_t<decltype(s.*Member)>>(value);
  return {};
}

template <auto Member>
std::string text(settings& s, std::string_view given) {
  s.*Member = given;
  return {};
}

template <auto Member>
std::string boolean(settings& s, std::string_view given) {
  s.*Member = given == "1" || given == "true" || given == "yes";
  if (s.*Member || given == "0" || given == "false" || given == "no") return {};
  return "1, true, yes, 0, false or no";
}

std::string format(settings& s, std::string_view given) {
  s.log_json = given == "json";
  return s.log_json || given == "text" ? std::string() : "text or json";
}

constexpr std::array options{
    option{"--model",
           "PATH",
           {"MOBILENET_MODEL"},
           "the embedded one, or model.mnet beside the program",
           text<&settings::model>},
    option{"--address", "ADDRESS", {"MOBILENET_ADDRESS"}, "to listen on, numeric: 0.0.0.0", text<&settings::address>},
    option{"--port",
           "PORT",
           {"FUNCTIONS_CUSTOMHANDLER_PORT", "PORT"},
           "8080; OpenWhisk always 8080",
           number<&settings::port, 0, 65535>},
    option{"--workers",
           "COUNT",
           {"MOBILENET_WORKERS"},
           "processes, with --http; 0: one per processor: 1",
           number<&settings::workers, 0, 256>},
    option{"--max-body",
           "BYTES",
           {"MOBILENET_MAX_BODY"},
           "of a request: 8388608",
           number<&settings::max_body, 1, std::uint64_t{1} << 31>},
    option{"--max-buffered",
           "BYTES",
           {"MOBILENET_MAX_BUFFERED"},
           "of all connections of a process: 134217728",
           number<&settings::max_buffered, 1, std::uint64_t{1} << 40>},
    option{"--max-queue",
           "COUNT",
           {"MOBILENET_MAX_QUEUE"},
           "waiting requests; others get 503 and Retry-After: 256",
           number<&settings::max_queue, 1, 100'000>},
    option{"--max-pixels",
           "COUNT",
           {"MOBILENET_MAX_PIXELS"},
           "of an image: 64000000",
           number<&settings::max_pixels, 1, std::uint64_t{1} << 32>},
    option{"--exif-orientation",
           "",
           {"MOBILENET_EXIF_ORIENTATION"},
           "rotates photos by their EXIF orientation",
           boolean<&settings::exif_orientation>},
    option{"--timeout",
           "SECONDS",
           {"MOBILENET_TIMEOUT"},
           "for a request to arrive: 30",
           number<&settings::timeout_seconds, 1, 3600>},
    option{"--keep-alive",
           "SECONDS",
           {"MOBILENET_KEEP_ALIVE"},
           "for the next request to begin; 0: close: 90",
           number<&settings::keep_alive_seconds, 0, 3600>},
    option{"--drain-delay",
           "SECONDS",
           {"MOBILENET_DRAIN_DELAY"},
           "serve on after SIGTERM, /readyz 503: 0",
           number<&settings::drain_delay_seconds, 0, 3600>},
    option{"--allow-origin",
           "ORIGINS",
           {"MOBILENET_ALLOW_ORIGIN"},
           "CORS: *, or origins separated by commas",
           text<&settings::allow_origin>},
    option{"--top", "COUNT", {"MOBILENET_TOP"}, "classes in an answer: 3", number<&settings::top, 1, 1000>},
    option{"--threads",
           "COUNT",
           {"MOBILENET_THREADS"},
           "for one classification, 0 for all processors: 1",
           number<&settings::threads, 0, 1024>},
    option{"--log", "FORMAT", {"MOBILENET_LOG"}, "text or json: text", format},
    option{"--quiet", "", {"MOBILENET_QUIET"}, "no log lines for successful requests", boolean<&settings::quiet>},
};

struct transport_option {
  std::string_view flag;
  transport chosen;
  std::string_view help;
};
constexpr std::array transports{
    transport_option{"--http", transport::http, "Knative, Cloud Run, OpenFaaS, Azure custom handlers: the default"},
    transport_option{"--openwhisk", transport::openwhisk,
                     "OpenWhisk container: where __OW_API_HOST is set and the program's name is not exec"},
    transport_option{"--actionloop", transport::actionloop,
                     "OpenWhisk ActionLoop: a program named exec with an open file descriptor 3"},
    transport_option{"--native", transport::native,
                     "OpenWhisk one-shot: a program named exec otherwise; PARAMETERS is JSON, or standard input"},
    transport_option{"--lambda", transport::lambda, "AWS Lambda: where AWS_LAMBDA_RUNTIME_API is set"},
    transport_option{"--health", transport::health,
                     "asks a running handler for /healthz; exit status 0 where it answers 200"},
    transport_option{"--help", transport::help, "this text"},
};

failure wrong(std::string_view name, std::string_view found, const std::string& expected) {
  return {kind::invalid_parameter, std::string(name) + ": found \"" + std::string(found) + "\", expected " + expected};
}

outcome<void> read_environment(settings& s) {
  for (const option& each : options)
    for (const char* variable : each.variables) {
      const char* value = variable == nullptr ? nullptr : std::getenv(variable);
      if (value == nullptr || *value == '\0') continue;
      if (const auto expected = each.store(s, value); !expected.empty()) return wrong(variable, value, expected);
      break;
    }
  return {};
}

const option* find_option(std::string_view flag) {
  for (const option& each : options)
    if (each.flag == flag) return &each;
  return nullptr;
}

const transport_option* find_transport(std::string_view flag) {
  for (const transport_option& each : transports)
    if (each.flag == flag) return &each;
  return nullptr;
}

outcome<void> read_arguments(int argc, char** argv, command_line& c) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with("--")) {
      c.second_argument = c.parameters != nullptr;
      c.parameters = argv[i];
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string_view flag = argument.substr(0, equals);
    if (const transport_option* known = find_transport(argument)) {
      c.chosen = known->chosen;
      if (c.chosen == transport::help) return {};
      continue;
    }
    const option* known = find_option(flag);
    if (known == nullptr)
      return failure{kind::invalid_parameter,
                     "found the option \"" + std::string(flag) + "\", which does not exist; see --help"};

    std::string_view value = "true";
    if (equals != argument.npos)
      value = argument.substr(equals + 1);
    else if (!known->value.empty()) {
      if (i + 1 == argc) return failure{kind::invalid_parameter, std::string(flag) + ": found no value after it"};
      value = argv[++i];
    }
    if (const auto expected = known->store(c.options, value); !expected.empty()) return wrong(flag, value, expected);
    c.port_given = c.port_given || flag == "--port";
  }
  return {};
}

}  // namespace

outcome<command_line> read_command_line(int argc, char** argv) {
  command_line c;
  if (auto read = read_environment(c.options); !read) return read.error();
  if (auto read = read_arguments(argc, argv, c); !read) return read.error();
  return c;
}

std::string usage() {
  const auto padded = [](std::string column, std::size_t width) {
    column.resize(column.size() < width ? width : column.size() + 1, ' ');
    return column;
  };
  std::string help =
      "handler [TRANSPORT] [OPTIONS] [PARAMETERS]\n\nTransports; without one, the environment decides:\n";
  for (const transport_option& each : transports)
    help.append(padded("  " + std::string(each.flag), 15)).append(each.help).append("\n");
  help += "\nOptions, the environment variables that set them too, and the defaults:\n";
  for (const option& each : options) {
    help += padded("  " + std::string(each.flag) + ' ' + std::string(each.value), 25);
    std::string names = each.variables[0];
    if (each.variables[1] != nullptr) names.append(", ").append(each.variables[1]);
    help.append(padded(std::move(names), 28)).append(each.help).append("\n");
  }
  return help;
}

}  // namespace serverless
