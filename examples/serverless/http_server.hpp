// An HTTP/1.1 server for one thread: connections are served concurrently, requests with a body one after the other, as
// there is one model and one processor to compute on. Boost.Beast parses; http_server.cpp alone sees it.
#pragma once

#include "failure.hpp"
#include "log.hpp"
#include "settings.hpp"

#include <cstddef>
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
  std::function<std::string_view(std::string_view name)> header;  ///< a header's value; empty where it is absent
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

/// What a server calls. All but the first two may be empty.
struct http_callbacks {
  std::function<http_response(http_request&)> serve;
  /// A request that the server itself refuses, before the answer is sent. The path may be empty.
  std::function<void(const failure&, std::string_view path)> refused;
  /// How many requests with a body wait, are computed or are being answered; called when that changes.
  std::function<void(std::size_t)> in_flight{};
  /// A request with a body has been answered; the time since its first byte.
  std::function<void(clock::duration)> answered{};
};

/// Requests without a body are answered as soon as they arrive; the others wait in a queue, first come, first served.
/// Always answers with Content-Length; every error is one line of JSON.
///
/// limits   settings: bytes of a body (413), of all bodies together (503), requests that wait (503), seconds for a
///          request to arrive (408). 16 KiB and 100 lines of headers, of trailers and of one chunk's extensions (431).
///          512 connections: for another one, the one that waits for its client longest is closed.
/// SIGTERM, SIGINT
///          draining() becomes true; after the drain delay the server accepts no more connections, answers what was
///          sent and returns after at most 8 seconds. A second signal ends it immediately.
class http_server {
 public:
  http_server(const settings& s, http_callbacks callbacks);
  ~http_server();

  /// Binds. From then on the kernel accepts connections, which wait for run(). Logs the address.
  /// shared   other processes may bind the same port as well (SO_REUSEPORT)
  /// errors   unavailable: names the address
  outcome<void> listen(bool shared = false);

  /// Serves until a signal. Returns the exit status: 1 where a second signal ended it before all was answered.
  int run();

  /// Whether a signal has arrived.
  bool draining() const;

 private:
  class session;
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace serverless
