#include "openwhisk.hpp"

#include "../http_server.hpp"
#include "../log.hpp"

#include <unistd.h>

#include <string>
#include <utility>

namespace serverless {

namespace {

// Tells the platform where one activation's log ends, on both streams.
constexpr std::string_view end_of_activation = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX";

class whisk_service {
 public:
  whisk_service(const settings& s, const whisk_action& action)
      : action_(action),
        server_(s, {
                       .serve = [this](http_request& r) { return answer(r); },
                       .refused =
                           [](const failure& f, std::string_view path) {
                             log_error(f.message);
                             if (path == "/run") mark_end();
                           },
                   }) {}

  int run() {
    // The platform sends /init as soon as the port answers, so the port comes first and the model with /init.
    if (auto bound = server_.listen(); !bound) {
      log_error(bound.error().message);
      return 1;
    }
    return server_.run();
  }

 private:
  static void mark_end() {
    const std::string line = std::string(end_of_activation) + '\n';  // never as JSON: the platform searches for it
    write_all(STDOUT_FILENO, line);
    write_all(STDERR_FILENO, line);
  }

  http_response answer(http_request& request) {
    const bool init = request.path == "/init";
    if (!init && request.path != "/run")
      return refused({kind::not_found, "path: found " + shown(request.path) + ", expected /init or /run"});
    if (request.method != "POST") {
      http_response response =
          refused({kind::method_not_allowed, "method: found " + shown(request.method) + ", expected POST"});
      response.headers = "Allow: POST\r\n";
      return response;
    }
    if (init) return initialize(request);
    http_response response = activate(request);
    mark_end();
    return response;
  }

  http_response initialize(http_request& request) {
    if (initialized_) return refused({kind::forbidden, "Cannot initialize the action more than once."});
    auto body = json_document::parse(std::move(request.body), "body");
    if (!body) return refused(body.error());
    auto init = initialization_of(body->root());
    if (!init) return refused(init.error());
    if (init->has_code) log_line("code: not used, this image is the action");
    if (init->environment != nullptr) {
      variables_.clear();
      for (const auto& member : members(*init->environment))
        variables_.set(std::string(text_of(member.name)), environment_text(member.value));
    }
    if (auto ready = action_.initialize(init->main); !ready) return refused(ready.error());
    initialized_ = true;
    return {.body = "{\"ok\":true}"};
  }

  http_response activate(http_request& request) {
    if (!initialized_) return refused({kind::forbidden, "Cannot run an action that has not been initialized."});
    auto body = json_document::parse(std::move(request.body), "body");
    if (!body) return refused(body.error());
    whisk_answer result = serverless::activate(action_, body->root(), context_);
    return {.status = result.status, .body = std::move(result.json)};
  }

  static http_response refused(const failure& f) {
    log_error(f.message);
    return error_response(f);
  }

  whisk_action action_;
  environment variables_;  // of /init, for good
  environment context_;    // of one activation
  bool initialized_ = false;
  http_server server_;
};

}  // namespace

int serve_openwhisk(const settings& s, const whisk_action& action) { return whisk_service(s, action).run(); }

}  // namespace serverless
