#include "lambda.hpp"

#include "../environment.hpp"
#include "../http/trace.hpp"
#include "../json.hpp"
#include "../log.hpp"
#include "event.hpp"

#define BOOST_ASIO_DISABLE_THREADS
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace serverless {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

std::string_view view(boost::beast::string_view s) { return {s.data(), s.size()}; }

/// Reads the seconds since 1970 in milliseconds; 0 where there is no number.
std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// A client of one server, over one connection that it opens again when it has to. No time-outs: the process may be
/// frozen for hours between two events.
class runtime_api {
 public:
  struct response {
    int status = 0;
    std::string body;
    std::string request_id;
    std::string trace_id;
    std::string deadline;  ///< milliseconds since 1970
  };

  /// errors   unavailable: names what was expected of AWS_LAMBDA_RUNTIME_API
  static outcome<tcp::endpoint> endpoint(std::string_view api) {
    const std::size_t colon = api.rfind(':');
    std::string host(api.substr(0, colon));
    if (host == "localhost") host = "127.0.0.1";
    error_code ec;
    const auto address = asio::ip::make_address(host.c_str(), ec);  // resolving names would need a dynamic glibc
    std::uint16_t port = colon == api.npos ? 80 : 0;
    if (colon != api.npos) std::from_chars(api.data() + colon + 1, api.data() + api.size(), port);
    if (ec || port == 0)
      return failure{kind::unavailable, "AWS_LAMBDA_RUNTIME_API: found " + shown(api) +
                                            ", expected a numeric IP address (or localhost) and a port"};
    return tcp::endpoint(address, port);
  }

  runtime_api(const tcp::endpoint& server, std::string host) : server_(server), host_(std::move(host)) {}

  /// errors   unavailable: the server cannot be reached, or does not speak HTTP
  outcome<response> send(std::string_view method, const std::string& path, const std::string& body = {},
                         const std::string& headers = {}) {
    std::string head(method);
    head.append(" /2018-06-01/runtime/").append(path).append(" HTTP/1.1\r\nHost: ").append(host_);
    head.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
    head.append(headers).append("\r\n");
    error_code ec;
    // A kept connection may have been closed meanwhile; that shows only when it is used.
    for (const bool reused : {socket_.is_open(), false}) {
      response answer;
      ec = exchange(head, body, answer);
      if (!ec) return answer;
      socket_.close();
      buffer_.clear();
      if (!reused) break;
    }
    return failure{kind::unavailable, "runtime API at " + host_ + ": " + ec.message()};
  }

 private:
  error_code exchange(const std::string& head, const std::string& body, response& answer) {
    error_code ec;
    if (!socket_.is_open()) {
      socket_.connect(server_, ec);
      if (ec) return ec;
      socket_.set_option(tcp::no_delay(true), ec);
    }
    asio::write(socket_, std::array<asio::const_buffer, 2>{asio::buffer(head), asio::buffer(body)}, ec);
    if (ec) return ec;
    http::response_parser<http::string_body> parser;
    parser.body_limit(std::uint64_t{1} << 40);  // an event that is too large still has to be answered, by its id
    http::read(socket_, buffer_, parser, ec);
    if (ec) return ec;
    auto message = parser.release();
    answer.status = static_cast<int>(message.result_int());
    answer.request_id = view(message["Lambda-Runtime-Aws-Request-Id"]);
    answer.trace_id = view(message["Lambda-Runtime-Trace-Id"]);
    answer.deadline = view(message["Lambda-Runtime-Deadline-Ms"]);
    answer.body = std::move(message.body());
    if (!message.keep_alive()) {
      socket_.close();
      buffer_.clear();
    }
    return {};
  }

  asio::io_context io_{1};
  tcp::socket socket_{io_};
  tcp::endpoint server_;
  std::string host_;
  boost::beast::flat_buffer buffer_;
};

outcome<runtime_api::response> post_error(runtime_api& api, const std::string& path, std::string_view reason,
                                          const std::string& message) {
  log_error(message);
  const std::string type = "Function." + std::string(reason);
  return api.send(
      "POST", path,
      "{\"errorMessage\":" + json_text(message) + ",\"errorType\":" + json_text(type) + ",\"stackTrace\":[]}",
      "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: " + type + "\r\n");
}

}  // namespace

int serve_lambda(const settings& s, const char* api_address) {
  const auto fatal = [](const std::string& message) {
    log_error(message);
    return 1;
  };
  auto endpoint = runtime_api::endpoint(api_address);
  if (!endpoint) return fatal(endpoint.error().message);
  runtime_api api(*endpoint, api_address);

  handler h(s);
  if (auto loaded = h.load(); !loaded) {
    (void)post_error(api, "init/error", "ModelNotLoaded", loaded.error().message);
    return 1;
  }
  environment trace;
  for (;;) {
    auto next = api.send("GET", "invocation/next");
    if (!next) return fatal(next.error().message);
    if (next->status != 200)
      return fatal("runtime API: next invocation: found status " + std::to_string(next->status) + ", expected 200");
    if (next->request_id.empty()) return fatal("runtime API: next invocation: found no Lambda-Runtime-Aws-Request-Id");
    const log_scope scope(ids_of_xray(next->request_id, next->trace_id));
    trace.clear();
    if (!next->trace_id.empty()) trace.set("_X_AMZN_TRACE_ID", next->trace_id);
    if (!s.quiet && !next->deadline.empty()) {
      const auto now =
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
      const auto left = static_cast<std::int64_t>(number(next->deadline)) - now.count();
      log_line("request " + next->request_id + ": " + std::to_string(left) + "ms left",
               {{"millisecondsLeft", std::to_string(left)}});
    }

    const std::string invocation = "invocation/" + next->request_id;
    auto result = answer_event(h, std::move(next->body));
    auto posted =
        result ? api.send("POST", invocation + "/response", *result, "Content-Type: application/json\r\n")
               : post_error(api, invocation + "/error", describe(result.error().what).reason, result.error().message);
    if (posted && posted->status == 413)
      posted = post_error(api, invocation + "/error", "ResponseTooLarge", "the runtime API refused the answer's size");
    if (!posted) return fatal(posted.error().message);
    if (posted->status >= 500)
      return fatal("runtime API: found status " + std::to_string(posted->status) + ", which asks the runtime to end");
    if (posted->status >= 300)
      log_error("runtime API: found status " + std::to_string(posted->status) + " for an answer, expected 202");
  }
}

}  // namespace serverless
