#include "http.hpp"

#include "../http_server.hpp"
#include "../request.hpp"
#include "cloud_event.hpp"
#include "page.hpp"
#include "trace.hpp"
#include "workers.hpp"

#include <mobilenet/platform/processors.hpp>

#include <string>
#include <utility>

namespace serverless {

namespace {

class http_service {
 public:
  http_service(const settings& s, const metrics& counters)
      : handler_(s, counters),
        server_(s, {
                       .serve = [this](http_request& r) { return answer(r); },
                       .refused = [this](const failure& f, auto path) { refused(f, path); },
                       .in_flight = [this](auto n) { handler_.counters().set_in_flight(n); },
                       .answered = [this](auto t) { handler_.counters().observe_request(t); },
                   }) {}

  /// shared: with other workers
  int run(bool shared) {
    if (auto bound = server_.listen(shared); !bound) return failed(bound.error());
    if (auto loaded = handler_.load(); !loaded) return failed(loaded.error());
    return server_.run();
  }

 private:
  static int failed(const failure& f) {
    log_error(f.message);
    return 1;
  }

  static bool is_classify(std::string_view path) {
    return path == "/classify" || path == "/" || path == "/api/classify";
  }

  http_response answer(http_request& request) {
    const log_scope scope(current_log_format() == log_format::json ? ids_of_headers(request.header) : request_ids{});
    const bool get = request.method == "GET" || request.method == "HEAD";
    if (request.path == "/healthz") return get ? text("ok\n") : wrong_method(request, "GET, HEAD");
    if (request.path == "/readyz") return get ? ready() : wrong_method(request, "GET, HEAD");
    if (request.path == "/metrics")
      return get ? http_response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                 .body = handler_.counters().exposition(handler::build_labels())}
                 : wrong_method(request, "GET, HEAD");
    if (!is_classify(request.path))
      return fail({kind::not_found,
                   "path: found " + shown(request.path) + ", expected /classify, /healthz, /readyz, /metrics or /"});
    if (request.path == "/" && get) return page_response();
    if (request.method == "OPTIONS" && !handler_.options().allow_origin.empty()) return preflight_response();
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

  // Which of them may come is in Access-Control-Allow-Origin, which the server adds to every answer.
  static http_response preflight_response() {
    return {.status = 204,
            .body = {},
            .headers =
                "Access-Control-Allow-Methods: GET, POST\r\n"
                "Access-Control-Allow-Headers: Content-Type, traceparent, X-Request-Id, ce-specversion, ce-id, "
                "ce-source, ce-type\r\n"
                "Access-Control-Max-Age: 86400\r\n"};
  }

  http_response wrong_method(const http_request& request, const std::string& allowed) {
    http_response response =
        fail({kind::method_not_allowed, "method: found " + shown(request.method) + ", expected " + allowed});
    response.headers = "Allow: " + allowed + "\r\n";
    return response;
  }

  http_response fail(const failure& f) {
    handler_.counters().count_error(f.what);
    log_error(f.message, describe(f.what).name);
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

int serve_http(const settings& s) {
  settings each = s;
  if (each.workers == 0) each.workers = mobilenet::usable_processors();
  metrics counters(each.workers);
  if (each.workers == 1) return http_service(each, counters).run(false);

  auto port = reserve_port(each);
  if (!port) {
    log_error(port.error().message);
    return 1;
  }
  each.port = *port;
  return run_workers(each.workers, [&](unsigned index) {
    counters.use_slot(index);
    return http_service(each, counters).run(true);
  });
}

}  // namespace serverless
