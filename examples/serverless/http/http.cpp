#include "http.hpp"

#include "../http_server.hpp"
#include "../request.hpp"
#include "cloud_event.hpp"
#include "page.hpp"

#include <array>
#include <string>
#include <utility>

namespace serverless {

namespace {

class http_service {
 public:
  explicit http_service(const settings& s)
      : handler_(s),
        server_(
            s, [this](http_request& r) { return answer(r); },
            [this](const failure& f, std::string_view path) { refused(f, path); }) {}

  int run() {
    if (auto bound = server_.listen(); !bound) return failed(bound.error());
    if (auto loaded = handler_.load(); !loaded) return failed(loaded.error());
    server_.run();
    return 0;
  }

 private:
  static int failed(const failure& f) {
    log_error("error: " + f.message);
    return 1;
  }

  static bool is_classify(std::string_view path) {
    return path == "/classify" || path == "/" || path == "/api/classify";
  }

  http_response answer(http_request& request) {
    const bool get = request.method == "GET" || request.method == "HEAD";
    if (request.path == "/healthz") return get ? text("ok\n") : wrong_method(request, "GET, HEAD");
    if (request.path == "/readyz") return get ? ready() : wrong_method(request, "GET, HEAD");
    if (request.path == "/metrics")
      return get ? http_response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                 .body = handler_.counters().exposition()}
                 : wrong_method(request, "GET, HEAD");
    if (!is_classify(request.path))
      return fail({kind::not_found,
                   "path: found " + shown(request.path) + ", expected /classify, /healthz, /readyz, /metrics or /"});
    if (request.path == "/" && get) return page_response();
    if (request.method != "POST") return wrong_method(request, request.path == "/" ? "GET, HEAD, POST" : "POST");
    handler_.counters().count_request();
    return classify(request);
  }

  http_response classify(http_request& request) {
    const auto received = clock::now();
    settings options = handler_.options();
    if (const auto top = query_parameter(request.query, "top"); !top.empty()) {
      auto parsed = parse_top(top);
      if (!parsed) return fail(parsed.error());
      options.top = static_cast<unsigned>(*parsed);
    }
    cloud_event event;
    const bool is_event = mode_of(request) != event_mode::none;
    auto held = is_event ? image_of_event(request, event, options)
                         : image_of_body(request.header("Content-Type"), std::move(request.body), options);
    if (!held) return fail(held.error());
    held->request.received = received;
    auto result = handler_.classify(held->request);
    if (!result) return fail(result.error());
    return is_event ? event_response(event, *result) : http_response{.body = std::move(*result)};
  }

  http_response ready() {
    if (server_.draining()) return error_response({kind::unavailable, "the process is about to end"});
    return text("ready\n");
  }

  static http_response text(std::string_view line) {
    return {.content_type = "text/plain; charset=utf-8", .body = std::string(line)};
  }

  static http_response page_response() {
    return {.content_type = "text/html; charset=utf-8",
            .body = std::string(page),
            .headers =
                "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
                "script-src 'unsafe-inline'; img-src blob: data:; connect-src 'self'\r\n"};
  }

  http_response wrong_method(const http_request& request, const std::string& allowed) {
    http_response response =
        fail({kind::method_not_allowed, "method: found " + shown(request.method) + ", expected " + allowed});
    response.headers = "Allow: " + allowed + "\r\n";
    return response;
  }

  http_response fail(const failure& f) {
    handler_.counters().count_error(f.what);
    log_error("error: " + std::string(describe(f.what).name) + ": " + f.message);
    return error_response(f);
  }

  void refused(const failure& f, std::string_view path) {
    if (is_classify(path)) handler_.counters().count_request();
    (void)fail(f);
  }

  handler handler_;
  http_server server_;
};

}  // namespace

int serve_http(const settings& s) { return http_service(s).run(); }

}  // namespace serverless
