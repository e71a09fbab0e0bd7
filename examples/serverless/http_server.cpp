#include "http_server.hpp"

#include "json.hpp"
#include "log.hpp"
#include "request.hpp"

#define BOOST_ASIO_DISABLE_THREADS
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <csignal>
#include <ctime>
#include <exception>
#include <list>
#include <new>
#include <optional>
#include <utility>

namespace serverless {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
// The executor by its own type: the polymorphic one allocates, and makes the program larger.
using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, executor>;
using timer = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor>;

constexpr std::size_t max_connections = 512;
constexpr std::uint32_t max_header_bytes = 16 * 1024;
constexpr std::chrono::seconds discard_time{2};

std::string_view view(boost::beast::string_view s) { return {s.data(), s.size()}; }
boost::beast::string_view view(std::string_view s) { return {s.data(), s.size()}; }

std::string_view status_text(int status) {
  const auto text = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return view(text);
}

// "Sun, 06 Nov 1994 08:49:37 GMT", without strftime and its locale.
std::string http_date() {
  constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm t{};
  ::gmtime_r(&now, &t);
  char text[64];
  const int n = std::snprintf(
      text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[static_cast<std::size_t>(t.tm_wday)], t.tm_mday,
      months[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return {text, static_cast<std::size_t>(n)};
}

// The path and query of a request's target, which a client of a proxy gives as a whole URL (RFC 9112, 3.2.2).
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (target.size() > scheme.size() && equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(std::min(target.find_first_of("/?", scheme.size()), target.size()));
      return target.empty() ? "/" : target;
    }
  return target;
}

}  // namespace

http_response error_response(const failure& f) { return {.status = f.status(), .body = error_json(f.message)}; }

struct http_server::state {
  state(const settings& s, service serve, refusal refused)
      : options(s), serve_request(std::move(serve)), refused_request(std::move(refused)) {}

  settings options;
  service serve_request;
  refusal refused_request;
  std::list<session*> sessions;  // declared before what keeps sessions alive, and so destroyed after it
  bool draining = false;
  asio::io_context io{1};
  tcp_acceptor acceptor{io.get_executor()};
  timer accept_pause{io.get_executor()};
  asio::basic_signal_set<executor> signals{io.get_executor()};

  void accept();
  void start(tcp_socket socket);
  void make_room();
  void drain();
};

/// One connection. Lives as long as an operation of it is pending.
class http_server::session : public std::enable_shared_from_this<session> {
 public:
  session(state& server, tcp_socket socket)
      : server_(server), socket_(std::move(socket)), timer_(server.io.get_executor()) {
    place_ = server_.sessions.insert(server_.sessions.end(), this);
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
  }
  ~session() { server_.sessions.erase(place_); }

  bool idle() const { return phase_ == phase::idle; }
  void close() {
    error_code ignored;
    timer_.cancel();
    socket_.close(ignored);
  }

  void wait_for_request(std::chrono::seconds patience) {
    parser_.emplace();
    parser_->body_limit(server_.options.max_body);
    parser_->header_limit(max_header_bytes);
    parser_->eager(false);                           // put() stops after the header once, and continues with the body
    if (buffer_.size() != 0) return read_request();  // the next request came with the last one
    phase_ = phase::idle;
    server_.sessions.splice(server_.sessions.end(), server_.sessions, place_);  // the longest idle one first
    close_after(patience);
    socket_.async_read_some(buffer_.prepare(4096), [self = shared_from_this()](error_code ec, std::size_t n) {
      if (ec) return self->close();
      self->buffer_.commit(n);
      self->read_request();
    });
  }

 private:
  enum class phase : unsigned char { idle, reading, writing };

  void read_request() {
    phase_ = phase::reading;
    close_after(std::chrono::seconds(server_.options.timeout_seconds));
    parse();
  }

  // One read at a time, and not one of Beast's operations that read on by themselves: those would go on after a
  // deadline that came while a read was already done, and their allocations fail where nobody can answer.
  void read_more() {
    constexpr std::size_t block = 64 * 1024;
    socket_.async_read_some(buffer_.prepare(parser_->is_header_done() ? block : max_header_bytes),
                            [self = shared_from_this()](error_code ec, std::size_t n) {
                              if (self->timed_out_) return self->refuse_late();
                              if (ec == asio::error::eof) return self->end_of_input();
                              if (ec) return self->close();
                              self->buffer_.commit(n);
                              self->parse();
                            });
  }

  void parse() {
    try {
      while (buffer_.size() != 0 && !parser_->is_done()) {
        error_code ec;
        const bool had_header = parser_->is_header_done();
        buffer_.consume(parser_->put(buffer_.data(), ec));
        if (ec && ec != http::error::need_more) return refuse(ec);
        if (!had_header && parser_->is_header_done() && !check_header()) return;
        if (ec) break;
      }
    } catch (const std::bad_alloc&) {
      return refuse({kind::out_of_memory, "no memory left for this request"});
    }
    if (parser_->is_done()) return serve();
    read_more();
  }

  // Whether reading goes on from here.
  bool check_header() {
    const auto& fields = parser_->get();
    const auto coding = view(fields[http::field::content_encoding]);
    if (!coding.empty() && !equal_ignoring_case(coding, "identity")) {
      refuse({kind::unsupported_media_type, "Content-Encoding: found " + shown(coding) + ", expected none"});
      return false;
    }
    const auto transfer = view(fields[http::field::transfer_encoding]);
    if (!transfer.empty() && !equal_ignoring_case(transfer, "chunked")) {
      refuse({kind::invalid_request, "Transfer-Encoding: found " + shown(transfer) + ", expected chunked or none"});
      return false;
    }
    if (parser_->is_done() || !equal_ignoring_case(view(fields[http::field::expect]), "100-continue")) return true;
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(go_on.data(), go_on.size()),
                      [self = shared_from_this()](error_code ec, std::size_t) {
                        if (self->timed_out_) return self->refuse_late();
                        if (ec) return self->close();
                        self->parse();
                      });
    return false;
  }

  void end_of_input() {
    error_code ec;
    parser_->put_eof(ec);
    if (!ec && parser_->is_done()) return serve();
    if (!parser_->got_some()) return close();  // the client has hung up
    refuse({kind::invalid_request, "the connection ended before the request did"});
  }

  void serve() {
    auto message = parser_->release();
    const std::string_view target = origin_form(view(message.target()));
    const std::size_t mark = std::min(target.find('?'), target.size());
    http_request request{
        .method = view(message.method_string()),
        .path = target.substr(0, mark),
        .query = target.substr(std::min(mark + 1, target.size())),
        .header = [&](std::string_view name) { return view(message[view(name)]); },
        .body = std::move(message.body()),
    };
    keep_alive_ = message.keep_alive() && !server_.draining;
    old_version_ = message.version() < 11;
    const bool head = message.method() == http::verb::head;
    http_response response;
    try {
      response = server_.serve_request(request);
    } catch (const std::bad_alloc&) {
      response = refusal_response({kind::out_of_memory, "no memory left for this request"}, request.path);
    } catch (const std::exception& e) {
      response = refusal_response({kind::internal, e.what()}, request.path);
    }
    write(std::move(response), head);
  }

  http_response refusal_response(const failure& f, std::string_view path) {
    server_.refused_request(f, path);
    return error_response(f);
  }

  void refuse(error_code ec) {
    if (ec == http::error::body_limit)
      return refuse({kind::body_too_large,
                     "body: larger than the limit of " + std::to_string(server_.options.max_body) + " bytes"});
    if (ec == http::error::header_limit)
      return refuse({kind::headers_too_large,
                     "headers: larger than the limit of " + std::to_string(max_header_bytes) + " bytes"});
    refuse({kind::invalid_request, "HTTP: " + ec.message()});
  }

  void refuse_late() {
    refuse({kind::timeout,
            "the request did not arrive within " + std::to_string(server_.options.timeout_seconds) + " seconds"});
  }

  void refuse(const failure& f) {
    keep_alive_ = false;
    timed_out_ = false;
    const auto& fields = parser_->get();
    std::string_view path = view(fields.target());
    path = path.substr(0, path.find('?'));
    write(refusal_response(f, path), fields.method() == http::verb::head);
  }

  void write(http_response response, bool head) {
    phase_ = phase::writing;
    close_after(std::chrono::seconds(server_.options.timeout_seconds));
    head_ = "HTTP/1.1 " + std::to_string(response.status) + ' ';
    head_.append(status_text(response.status)).append("\r\nDate: ").append(http_date());
    head_.append("\r\nContent-Type: ").append(response.content_type);
    head_.append("\r\nContent-Length: ").append(std::to_string(response.body.size())).append("\r\n");
    head_ += response.headers;
    if (!keep_alive_)
      head_ += "Connection: close\r\n";
    else if (old_version_)
      head_ += "Connection: keep-alive\r\n";
    head_ += "\r\n";
    body_ = head ? std::string() : std::move(response.body);
    const std::array<asio::const_buffer, 2> both{asio::buffer(head_), asio::buffer(body_)};
    asio::async_write(socket_, both, [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec) return self->close();
      self->body_ = {};
      if (self->keep_alive_ && !self->server_.draining)
        return self->wait_for_request(std::chrono::seconds(self->server_.options.idle_seconds));
      self->discard();
    });
  }

  // Reads on for a moment before closing: closing a socket with unread bytes resets the connection, and the client
  // would lose the answer that it is about to read.
  void discard() {
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    close_after(discard_time);
    discard_more();
  }
  void discard_more() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(16 * 1024), [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec) return self->close();
      self->discard_more();
    });
  }

  // One deadline for all that follows until the next call; whatever is pending then ends with an error.
  void close_after(clock::duration time) {
    timed_out_ = false;
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this()](error_code ec) {
      const auto self = weak.lock();
      // The timer may have been set anew after this call was already on its way.
      if (ec || !self || self->timer_.expiry() > clock::now()) return;
      self->timed_out_ = true;
      if (self->phase_ == phase::writing) return self->close();  // a write goes on by itself until the socket is gone
      error_code ignored;
      self->socket_.cancel(ignored);
    });
  }

  state& server_;
  tcp_socket socket_;
  timer timer_;
  std::list<session*>::iterator place_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string head_;
  std::string body_;
  phase phase_ = phase::idle;
  bool keep_alive_ = false;
  bool old_version_ = false;
  bool timed_out_ = false;
};

void http_server::state::start(tcp_socket socket) {
  const std::chrono::seconds patience(draining ? 1 : options.idle_seconds);
  std::make_shared<session>(*this, std::move(socket))->wait_for_request(patience);
}

// Idle connections make room for new ones, the longest idle first.
void http_server::state::make_room() {
  for (session* s : sessions) {
    if (!s->idle()) continue;
    return s->close();
  }
}

void http_server::state::accept() {
  acceptor.async_accept([this](error_code ec, tcp_socket socket) {
    if (draining || ec == asio::error::operation_aborted) return;
    if (!ec) {
      if (sessions.size() >= max_connections) make_room();
      if (sessions.size() < max_connections + max_connections / 2) start(std::move(socket));
      return accept();
    }
    accept_pause.expires_after(std::chrono::milliseconds(50));  // out of file descriptors, most likely
    accept_pause.async_wait([this](error_code) {
      if (!draining) accept();
    });
  });
}

void http_server::state::drain() {
  draining = true;
  accept_pause.cancel();
  for (auto at = sessions.begin(); at != sessions.end();) {
    session* each = *at++;
    if (each->idle()) each->close();
  }
  error_code ec;
  acceptor.non_blocking(true, ec);
  for (;;) {  // whoever the kernel has already welcomed is served as well
    tcp_socket socket(io.get_executor());
    acceptor.accept(socket, ec);
    if (ec) break;
    start(std::move(socket));
  }
  acceptor.close(ec);
}

http_server::http_server(const settings& s, service serve, refusal refused)
    : state_(std::make_unique<state>(s, std::move(serve), std::move(refused))) {}
http_server::~http_server() = default;

outcome<void> http_server::listen() {
  state& s = *state_;
  error_code ec;
  const auto address = asio::ip::make_address(s.options.address.c_str(), ec);
  if (ec)
    return failure{kind::unavailable, "address: found " + shown(s.options.address) + ", expected a numeric IP address"};
  const tcp::endpoint endpoint(address, s.options.port);
  s.acceptor.open(endpoint.protocol(), ec);
  if (!ec) s.acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) s.acceptor.bind(endpoint, ec);
  if (!ec) s.acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec)
    return failure{kind::unavailable, "cannot listen on " + s.options.address + " port " +
                                          std::to_string(s.options.port) + ": " + ec.message()};
  // Before anybody is told of the port: a signal that comes while the model still loads is not to end the process.
  for (const int number : {SIGTERM, SIGINT}) {
    s.signals.add(number, ec);
  }
  s.signals.async_wait([&s](error_code failed, int) {
    if (!failed) s.drain();
  });
  log_line("listening on " + s.options.address + " port " + std::to_string(s.acceptor.local_endpoint(ec).port()));
  return {};
}

void http_server::run() {
  state& s = *state_;
  s.accept();
  for (;;) {
    try {
      s.io.run();
      return;
    } catch (const std::exception& e) {  // the request that threw is gone, and its connection with it
      log_error(std::string("error: ") + e.what());
    }
  }
}

bool http_server::draining() const { return state_->draining; }

}  // namespace serverless
