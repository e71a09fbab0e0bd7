// An HTTP/1.1 server for one thread: connections are served side by side, requests one after the other, as there is
// one model and one processor to compute on. Boost.Beast parses; http_server.cpp alone sees it.
#pragma once

#include "failure.hpp"
#include "handler.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace serverless {

struct http_request {
  std::string_view method;                                        ///< "GET"
  std::string_view path;                                          ///< without the query
  std::string_view query;                                         ///< without the question mark
  std::function<std::string_view(std::string_view name)> header;  ///< a header's value, empty where there is none
  std::string body;
};

struct http_response {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  std::string headers{};  ///< more header lines, each with its line break
};

/// {"error":"…"} with the failure's status.
http_response error_response(const failure& f);

/// Limits, as the settings say: bytes of a body (413), bytes of headers (431), seconds for a request to arrive (408).
/// Always answers with Content-Length; every error is one line of JSON. SIGTERM and SIGINT make it finish what it
/// has begun and return.
class http_server {
 public:
  using service = std::function<http_response(http_request&)>;
  /// Told of every request that the server itself refuses, before the answer is sent. The path may be empty.
  using refusal = std::function<void(const failure&, std::string_view path)>;

  http_server(const settings& s, service serve, refusal refused);
  ~http_server();

  /// Binds. From now on connections are taken by the kernel and wait for run(). Logs the address.
  /// errors   unavailable: names the address
  outcome<void> listen();

  void run();

  /// Whether a signal has come and run() is about to end.
  bool draining() const;

 private:
  class session;
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace serverless
