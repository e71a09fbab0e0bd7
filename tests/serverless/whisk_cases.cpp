// OpenWhisk's own runtime tests need actions that echo, read the environment or answer nonsense; the classifier is
// none of these. This program puts such actions into the handler's protocols. /init's "main" chooses one; ActionLoop
// has no such field, so there the argument does.
#include "actionloop/actionloop.hpp"
#include "log.hpp"
#include "openwhisk/action.hpp"
#include "openwhisk/openwhisk.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace serverless;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return json_text(value == nullptr ? "" : value);
}

std::string context() {
  return "{\"api_host\":" + variable("__OW_API_HOST") + ",\"api_key\":" + variable("__OW_API_KEY") +
         ",\"namespace\":" + variable("__OW_NAMESPACE") + ",\"action_name\":" + variable("__OW_ACTION_NAME") +
         ",\"activation_id\":" + variable("__OW_ACTIVATION_ID") + ",\"deadline\":" + variable("__OW_DEADLINE") + "}";
}

std::string partition() {
  std::string json = "{";
  for (const char* name : {"ARRAY", "OBJECT", "STRING", "NUMBER", "BOOL", "NULL"})
    json += (json.size() > 1 ? ",\"" : "\"") + std::string(name) + "\":" + variable(name);
  return json + "}";
}

struct cases {
  std::string main;
  std::string seen_at_init;

  outcome<void> initialize(std::string_view entry) {
    if (main.empty() || main == "main") main = entry;
    const char* some = std::getenv("STRING");
    seen_at_init = some == nullptr ? "" : some;
    if (main == "fail") return failure{kind::unavailable, "this action never starts"};
    return {};
  }

  outcome<std::string> run(json_value& parameters) {
    if (main == "environment") return context();
    if (main == "partition") return partition();
    if (main == "at_init") return "{\"STRING\":" + json_text(seen_at_init) + "}";
    if (main == "number") return std::string("42");
    if (main == "fails") return failure{kind::invalid_parameter, "this action always fails"};
    if (main == "unicode") {
      const std::string delimiter(text_member(parameters, "delimiter"));
      const std::string winter = delimiter + " \u2603 " + delimiter;
      log_line(winter);
      return "{\"winter\":" + json_text(winter) + "}";
    }
    log_line("hello stdout");
    log_error("hello stderr");
    return to_json(parameters);
  }
};

}  // namespace

int main(int argc, char** argv) {
  settings s;
  s.address = "127.0.0.1";
  s.port = 0;
  const std::string protocol = argc > 1 ? argv[1] : "";
  cases c{argc > 2 ? argv[2] : "", {}};
  const whisk_action action{[&](std::string_view main) { return c.initialize(main); },
                            [&](json_value& parameters) { return c.run(parameters); }};
  if (protocol == "openwhisk") return serve_openwhisk(s, action);
  if (protocol == "actionloop") return serve_actionloop(s, action);
  return run_native(s, action, nullptr);
}

std::span<const std::byte> serverless::embedded_model() { return {}; }
