#include "health.hpp"

#include "../log.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace serverless {

namespace {

struct endpoint {
  ::sockaddr_storage address{};
  ::socklen_t length = 0;
};

// Where a server that listens on an address can be reached from the same machine. Length 0: not an address.
endpoint local_endpoint(const settings& s) {
  endpoint to;
  auto* v4 = reinterpret_cast<::sockaddr_in*>(&to.address);
  auto* v6 = reinterpret_cast<::sockaddr_in6*>(&to.address);
  if (::inet_pton(AF_INET, s.address.c_str(), &v4->sin_addr) == 1) {
    if (v4->sin_addr.s_addr == htonl(INADDR_ANY)) v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(s.port);
    to.length = sizeof *v4;
  } else if (::inet_pton(AF_INET6, s.address.c_str(), &v6->sin6_addr) == 1) {
    if (IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) v6->sin6_addr = in6addr_loopback;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(s.port);
    to.length = sizeof *v6;
  }
  return to;
}

int failed(std::string_view what) {
  log_error("health: " + std::string(what));
  return 1;
}

}  // namespace

int ask_health(const settings& s) {
  const endpoint server = local_endpoint(s);
  if (server.length == 0) return failed("address: found \"" + s.address + "\", expected a numeric IP address");
  const int connection = ::socket(server.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return failed(std::strerror(errno));
  const ::timeval patience{3, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);  // connect() obeys it too
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);

  std::string answer;
  constexpr std::string_view request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (::connect(connection, reinterpret_cast<const ::sockaddr*>(&server.address), server.length) == 0 &&
      write_all(connection, request)) {
    char buffer[64];
    const ::ssize_t n = ::recv(connection, buffer, sizeof buffer, MSG_WAITALL);
    if (n > 0) answer.assign(buffer, static_cast<std::size_t>(n));
  }
  const int reason = errno;
  ::close(connection);
  if (answer.starts_with("HTTP/1.1 200 ")) return 0;
  if (answer.empty()) return failed("port " + std::to_string(s.port) + ": " + std::strerror(reason));
  return failed("found \"" + answer.substr(0, answer.find('\r')) + "\", expected status 200");
}

}  // namespace serverless
