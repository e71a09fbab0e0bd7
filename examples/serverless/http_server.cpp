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
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <deque>
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
constexpr std::size_t max_header_bytes = 16 * 1024;
constexpr std::size_t max_header_lines = 100;
constexpr std::size_t read_block = 64 * 1024;
constexpr std::size_t accepts_at_a_time = 256;
constexpr auto io_slice = std::chrono::milliseconds(5);  // for connections, between two computations
constexpr std::chrono::seconds discard_time{2};

// After a signal: how long a silent connection stays open, when what has not arrived is refused, when what has not been
// computed is refused, and the end.
constexpr std::chrono::seconds drain_idle_time{2};
constexpr std::chrono::seconds drain_read_time{5};
constexpr std::chrono::seconds drain_compute_time{7};
constexpr std::chrono::seconds drain_time{8};

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

// Beast's string_body reserves what Content-Length claims, before a byte of it has arrived.
struct growing_body {
  using value_type = std::string;
  static std::uint64_t size(const value_type& body) { return body.size(); }

  class reader {
   public:
    template <bool IsRequest, class Fields>
    reader(http::header<IsRequest, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>&, error_code& ec) { ec = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& ec) {
      ec = {};
      std::size_t bytes = 0;
      for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        bytes += buffer.size();
      }
      return bytes;
    }
    void finish(error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

// What Beast would accept, or would reject only after more bytes: a reason to refuse a header block, or empty.
std::string_view header_block_mistake(std::string_view block) {
  if (block.find("\r\n ") != block.npos || block.find("\r\n\t") != block.npos)
    return "found a header line that continues another (obs-fold)";
  return {};
}

}  // namespace

http_response error_response(const failure& f) { return {.status = f.status(), .body = error_json(f.message)}; }

struct http_server::state {
  state(const settings& s, http_callbacks c) : options(s), callbacks(std::move(c)) {}

  enum class life : unsigned char { serving, announced, draining, stopped };

  settings options;
  http_callbacks callbacks;
  std::list<session*> sessions;  // in the order in which they began to wait for their client
  life stage = life::serving;
  bool aborted = false;  // by a second signal
  clock::time_point drain_end{};
  std::size_t open_sessions = 0;
  std::size_t buffered = 0;              // bytes, of all sessions
  std::size_t in_flight = 0;             // requests in the queue, computed, or being answered
  clock::duration usual_computation{0};  // moving average
  asio::io_context io{1};
  tcp_acceptor acceptor{io.get_executor()};
  timer accept_pause{io.get_executor()};
  timer drain_timer{io.get_executor()};
  asio::basic_signal_set<executor> signals{io.get_executor()};
  std::deque<std::shared_ptr<session>> queue;  // complete requests; destroyed before the io_context

  bool ending() const { return stage != life::serving; }
  bool ended() const { return stage == life::stopped || (stage == life::draining && sessions.empty()); }

  void accept();
  bool accept_pending();
  void admit(tcp_socket socket);
  void make_room();
  void free_memory(session& asking);
  void compute_next();
  unsigned retry_after() const;
  void count_in_flight(int change);

  void wait_for_signal();
  void on_signal();
  void drain();
  void shed_queue();
  void stop();
};

/// One connection. Lives while one of its operations is pending, or its request waits in the queue.
class http_server::session : public std::enable_shared_from_this<session> {
 public:
  session(state& server, tcp_socket socket)
      : server_(server), socket_(std::move(socket)), timer_(server.io.get_executor()) {
    place_ = server_.sessions.insert(server_.sessions.end(), this);
    ++server_.open_sessions;
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() {
    finish_request();
    count_as_closed();
    server_.buffered -= accounted_;
    server_.sessions.erase(place_);
  }

  enum class phase : unsigned char { idle, header, body, queued, writing };
  phase current_phase() const { return phase_; }
  bool closed() const { return closed_; }
  bool interrupted() const { return interrupted_.has_value(); }
  clock::duration age() const { return clock::now() - began_; }

  void close() {
    error_code ignored;
    count_as_closed();
    timer_.cancel();
    socket_.close(ignored);
  }

  void wait_for_request(clock::duration patience) {
    parser_.emplace();
    parser_->body_limit(server_.options.max_body);
    parser_->header_limit(static_cast<std::uint32_t>(max_header_bytes));
    parser_->eager(false);  // put() stops after the header once, and continues with the body
    header_ = {};
    scanned_ = 0;
    if (buffer_.size() != 0) {  // the next request arrived with the last one
      begin_request();
      return parse();
    }
    phase_ = phase::idle;
    began_ = clock::now();
    move_to_end();
    buffer_.shrink_to_fit();
    account();
    close_after(patience);
    socket_.async_read_some(buffer_.prepare(4096), [self = shared_from_this()](error_code ec, std::size_t n) {
      if (ec) return self->close();
      self->buffer_.commit(n);
      self->begin_request();
      self->parse();
    });
  }

  /// Answers the request, computing as long as that takes.
  void serve();

  /// Whether the client can still read an answer.
  bool connected() {
    char byte;
    return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno == EAGAIN ||
           errno == EWOULDBLOCK;
  }

  /// Refuses a request that is still arriving, and frees what has arrived.
  void interrupt(failure f) {
    interrupted_.emplace(std::move(f));
    parser_->get().body() = {};
    account();
    error_code ignored;
    socket_.cancel(ignored);
  }

  void refuse(const failure& f);

  /// The server is about to end.
  void hurry() {
    if (phase_ == phase::idle) close_after(drain_idle_time);
    if (phase_ == phase::header || phase_ == phase::body)
      close_after(std::min(timer_.expiry() - clock::now(), reading_time()));
  }

 private:
  void begin_request() {
    phase_ = phase::header;
    began_ = clock::now();
    move_to_end();
    close_after(reading_time());
  }

  // A closed session lives on until the handler of its last operation has run.
  void count_as_closed() {
    if (!std::exchange(closed_, true)) --server_.open_sessions;
  }

  void finish_request() {
    if (std::exchange(counted_, false)) server_.count_in_flight(-1);
  }

  void move_to_end() { server_.sessions.splice(server_.sessions.end(), server_.sessions, place_); }

  clock::duration reading_time() const {
    const clock::duration usual = std::chrono::seconds(server_.options.timeout_seconds);
    if (server_.stage != state::life::draining) return usual;
    return std::min(usual, server_.drain_end - (drain_time - drain_read_time) - clock::now());
  }

  // One read at a time, not one of Beast's composed operations: those would continue after a deadline that arrived
  // while a read was already done, and their allocations fail where no answer can be sent.
  void read_more() {
    socket_.async_read_some(buffer_.prepare(phase_ == phase::body ? read_block : max_header_bytes),
                            [self = shared_from_this()](error_code ec, std::size_t n) {
                              if (self->interrupted_) return self->refuse(*std::exchange(self->interrupted_, {}));
                              if (ec == asio::error::eof) return self->end_of_input();
                              if (ec) return self->close();
                              self->buffer_.commit(n);
                              self->parse();
                            });
  }

  void parse() {
    try {
      if (phase_ == phase::header && !parse_header()) return;
      if (!parse_body()) return;
    } catch (const std::bad_alloc&) {
      return refuse({kind::out_of_memory, "no memory left for this request"});
    }
    complete();
  }

  // Each returns whether parse() continues; otherwise an operation is pending.
  bool parse_header();
  bool parse_body();
  bool check_header();
  bool go_on_reading() {
    read_more();
    return false;
  }
  bool refused(const failure& f) {
    refuse(f);
    return false;
  }

  void end_of_input() {
    if (phase_ == phase::header && buffer_.size() == 0) return close();  // empty lines only
    refuse({kind::invalid_request, "the connection ended before the request did"});
  }

  void complete();
  void write(http_response response, bool head);

  http_response refusal_response(const failure& f, std::string_view path) {
    server_.callbacks.refused(f, path);
    http_response response = error_response(f);
    if (f.what == kind::overloaded || f.what == kind::unavailable)
      response.headers = "Retry-After: " + std::to_string(server_.retry_after()) + "\r\n";
    return response;
  }

  std::string cross_origin_headers() const {
    const std::string_view allowed = server_.options.allow_origin;
    if (allowed.empty()) return {};
    if (allowed == "*") return "Access-Control-Allow-Origin: *\r\n";
    const auto origin = view(header_[http::field::origin]);
    for (std::string_view rest = allowed; !rest.empty();) {
      const std::string_view each = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(each.size() + 1, rest.size()));
      if (each == origin) return "Access-Control-Allow-Origin: " + std::string(each) + "\r\nVary: Origin\r\n";
    }
    return "Vary: Origin\r\n";
  }

  // Whether more of the client's bytes are here: a pipelined request.
  bool more_arrived() {
    error_code ec;
    return buffer_.size() != 0 || socket_.available(ec) != 0;
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
    socket_.async_read_some(buffer_.prepare(max_header_bytes), [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec) return self->close();
      self->discard_more();
    });
  }

  // Keeps the sum of what all sessions buffer.
  void account() {
    const std::size_t bytes = buffer_.capacity() + body_.capacity() + (parser_ ? parser_->get().body().capacity() : 0);
    server_.buffered += bytes;
    server_.buffered -= std::exchange(accounted_, bytes);
  }

  // One deadline for all that follows until the next call; the pending operation then ends with an error.
  void close_after(clock::duration time) {
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this()](error_code ec) {
      const auto self = weak.lock();
      // The timer may have been set again after this call was already queued.
      if (ec || !self || self->timer_.expiry() > clock::now()) return;
      if (self->phase_ == phase::idle || self->phase_ == phase::writing) return self->close();
      if (self->phase_ != phase::queued) self->interrupt(self->lateness());
    });
  }

  failure lateness() const {
    if (server_.stage == state::life::draining)
      return {kind::timeout, "the process is about to end, and the request did not arrive in time"};
    return {kind::timeout,
            "the request did not arrive within " + std::to_string(server_.options.timeout_seconds) + " seconds"};
  }

  state& server_;
  tcp_socket socket_;
  timer timer_;
  std::list<session*>::iterator place_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<growing_body>> parser_;
  http::request_header<> header_;       // taken from the parser, so that trailers are not mixed with it
  std::string body_;                    // of the request, while it waits
  std::optional<failure> interrupted_;  // why the pending read was cancelled
  std::string response_head_;
  std::string response_body_;
  clock::time_point began_ = clock::now();  // when the phase idle or the request began
  std::size_t scanned_ = 0;                 // bytes of the buffer that do not end the header
  std::size_t accounted_ = 0;
  phase phase_ = phase::idle;
  bool closed_ = false;
  bool keep_alive_ = false;
  bool counted_ = false;  // among the requests in flight
};

bool http_server::session::parse_header() {
  const auto arrived = [&] {
    return std::string_view(static_cast<const char*>(buffer_.data().data()), buffer_.size());
  };
  while (scanned_ == 0 && arrived().starts_with("\r\n")) buffer_.consume(2);  // RFC 9112, 2.2
  const std::string_view text = arrived();
  if (text.empty() || text == "\r") return go_on_reading();
  if (text.front() <= ' ' || text.front() >= 0x7f)  // a TLS handshake, for instance
    return refused({kind::invalid_request, "HTTP: found byte " +
                                               std::to_string(static_cast<unsigned char>(text.front())) +
                                               ", expected the name of a method"});

  const std::size_t from = scanned_ < 3 ? 0 : scanned_ - 3;
  const std::size_t end = text.find("\r\n\r\n", from);
  const std::string_view scanned = text.substr(0, end == text.npos ? text.size() : end + 2);
  for (std::size_t at = scanned.find('\n', scanned_); at != scanned.npos; at = scanned.find('\n', at + 1))
    if (at == 0 || scanned[at - 1] != '\r')
      return refused({kind::invalid_request, "HTTP: found a line feed without a carriage return"});
  scanned_ = scanned.size();
  const bool whole = end != text.npos;
  if ((whole ? end + 4 : text.size()) > max_header_bytes)
    return refused(
        {kind::headers_too_large, "headers: larger than the limit of " + std::to_string(max_header_bytes) + " bytes"});
  if (!whole) return go_on_reading();

  const std::string_view block = text.substr(0, end + 4);
  if (std::count(block.begin(), block.end(), '\n') > static_cast<std::ptrdiff_t>(max_header_lines))
    return refused({kind::headers_too_large, "headers: more than " + std::to_string(max_header_lines) + " lines"});
  if (const auto mistake = header_block_mistake(block); !mistake.empty())
    return refused({kind::invalid_request, "HTTP: " + std::string(mistake)});
  error_code ec;
  parser_->put(asio::buffer(block.data(), block.size()), ec);
  buffer_.consume(block.size());
  const bool done = parser_->is_header_done();
  if (done) keep_alive_ = parser_->keep_alive();
  header_ = std::move(parser_->get().base());
  if (ec == http::error::body_limit)
    return refused({kind::body_too_large,
                    "body: larger than the limit of " + std::to_string(server_.options.max_body) + " bytes"});
  if (ec == http::error::bad_version)
    return refused({kind::version_not_supported, "HTTP: found another version, expected HTTP/1.1 or HTTP/1.0"});
  if (ec && ec != http::error::need_more) return refused({kind::invalid_request, "HTTP: " + ec.message()});
  if (!done) return refused({kind::invalid_request, "HTTP: the header is malformed"});
  phase_ = phase::body;
  return check_header();
}

bool http_server::session::check_header() {
  const bool old_version = header_.version() < 11;
  const std::size_t hosts = header_.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && !old_version))
    return refused({kind::invalid_request, "Host: found " + std::to_string(hosts) + " of these headers, expected one"});

  const auto coding = view(header_[http::field::content_encoding]);
  if (!coding.empty() && !equal_ignoring_case(coding, "identity"))
    return refused(
        {kind::unsupported_media_type, "Content-Encoding: found " + shown(coding) + ", expected no such header"});
  const auto transfer = view(header_[http::field::transfer_encoding]);
  if (!transfer.empty() && (old_version || !equal_ignoring_case(transfer, "chunked")))
    return refused({kind::invalid_request, "Transfer-Encoding: found " + shown(transfer) +
                                               ", expected chunked in HTTP/1.1, or no such header"});

  const auto expectation = view(header_[http::field::expect]);
  if (expectation.empty() || old_version) return true;
  if (!equal_ignoring_case(expectation, "100-continue"))
    return refused({kind::expectation_failed, "Expect: found " + shown(expectation) + ", expected 100-continue"});
  if (parser_->is_done() || buffer_.size() != 0) return true;
  static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(go_on.data(), go_on.size()),
                    [self = shared_from_this()](error_code ec, std::size_t) {
                      if (self->interrupted_) return self->refuse(*std::exchange(self->interrupted_, {}));
                      if (ec) return self->close();
                      self->parse();
                    });
  return false;
}

bool http_server::session::parse_body() {
  while (buffer_.size() != 0 && !parser_->is_done()) {
    error_code ec;
    buffer_.consume(parser_->put(buffer_.data(), ec));
    if (ec == http::error::need_more) break;
    if (ec == http::error::body_limit)
      return refused({kind::body_too_large,
                      "body: larger than the limit of " + std::to_string(server_.options.max_body) + " bytes"});
    if (ec) return refused({kind::invalid_request, "HTTP: " + ec.message()});
  }
  if (parser_->is_done()) return true;
  // Beast leaves in the buffer what it cannot parse yet: a chunk's extensions, or the trailers.
  if (buffer_.size() > max_header_bytes)
    return refused({kind::headers_too_large, "chunk extensions or trailers: larger than the limit of " +
                                                 std::to_string(max_header_bytes) + " bytes"});
  account();
  if (server_.buffered > server_.options.max_buffered) {
    server_.free_memory(*this);
    if (phase_ == phase::writing) return false;
  }
  return go_on_reading();
}

void http_server::session::complete() {
  body_ = std::move(parser_->get().body());
  parser_.reset();
  account();
  timer_.cancel();
  phase_ = phase::queued;
  if (body_.empty()) return serve();
  if (server_.queue.size() >= server_.options.max_queue)
    return refuse({kind::overloaded, std::to_string(server_.queue.size()) + " requests wait already; try again later"});
  counted_ = true;
  server_.count_in_flight(1);
  server_.queue.push_back(shared_from_this());
}

void http_server::session::serve() {
  const std::string_view target = origin_form(view(header_.target()));
  const std::size_t mark = std::min(target.find('?'), target.size());
  http_request request{
      .method = view(header_.method_string()),
      .path = target.substr(0, mark),
      .query = target.substr(std::min(mark + 1, target.size())),
      .header = [&](std::string_view name) { return view(header_[view(name)]); },
      .body = std::exchange(body_, {}),
  };
  http_response response;
  try {
    response = server_.callbacks.serve(request);
  } catch (const std::bad_alloc&) {
    response = refusal_response({kind::out_of_memory, "no memory left for this request"}, request.path);
  } catch (const std::exception& e) {
    response = refusal_response({kind::internal, e.what()}, request.path);
  }
  account();
  // A connection with another request in it is kept: that request was sent before the client knew.
  if (server_.ending() && !more_arrived()) keep_alive_ = false;
  if (server_.options.keep_alive_seconds == 0) keep_alive_ = false;
  write(std::move(response), header_.method() == http::verb::head);
}

void http_server::session::refuse(const failure& f) {
  // Whatever follows on this connection could be the rest of the refused request.
  if (phase_ != phase::queued || server_.ending()) keep_alive_ = false;
  std::string_view path = origin_form(view(header_.target()));
  path = path.substr(0, path.find('?'));
  body_ = {};
  write(refusal_response(f, path), header_.method() == http::verb::head);
}

void http_server::session::write(http_response response, bool head) {
  phase_ = phase::writing;
  clock::duration patience = std::chrono::seconds(server_.options.timeout_seconds);
  if (server_.stage == state::life::draining) patience = std::min(patience, server_.drain_end - clock::now());
  close_after(patience);
  parser_.reset();
  response_head_ = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  response_head_.append(status_text(response.status)).append("\r\nDate: ").append(http_date()).append("\r\n");
  if (response.status != 204) {
    response_head_.append("Content-Type: ").append(response.content_type);
    response_head_.append("\r\nContent-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  }
  response_head_.append(response.headers).append(cross_origin_headers());
  if (!keep_alive_)
    response_head_ += "Connection: close\r\n";
  else if (header_.version() < 11)
    response_head_ += "Connection: keep-alive\r\n";
  response_head_ += "\r\n";
  response_body_ = head ? std::string() : std::move(response.body);
  account();
  const std::array<asio::const_buffer, 2> both{asio::buffer(response_head_), asio::buffer(response_body_)};
  asio::async_write(socket_, both, [self = shared_from_this()](error_code ec, std::size_t) {
    if (self->counted_ && self->server_.callbacks.answered) self->server_.callbacks.answered(self->age());
    self->finish_request();
    if (ec) return self->close();
    self->response_body_ = {};
    if (self->keep_alive_ && (!self->server_.ending() || self->more_arrived()))
      return self->wait_for_request(std::chrono::seconds(self->server_.options.keep_alive_seconds));
    self->discard();
  });
}

void http_server::state::admit(tcp_socket socket) {
  if (open_sessions >= max_connections) make_room();
  if (open_sessions >= max_connections + max_connections / 2) return;  // all of them compute or answer
  const std::chrono::seconds patience(std::max(options.keep_alive_seconds, options.timeout_seconds));
  std::make_shared<session>(*this, std::move(socket))
      ->wait_for_request(stage == life::draining ? drain_idle_time : patience);
}

// Closes the connection that is missed least: first those that sent half a header and paused, then idle ones, then
// those that are new, then those whose body is arriving; of these the oldest. What a new one has sent may not be read
// yet.
void http_server::state::make_room() {
  const auto rank = [](const session& s) {
    if (s.closed()) return 4;
    const bool is_new = s.age() < std::chrono::seconds(1);
    switch (s.current_phase()) {
      case session::phase::header: return is_new ? 2 : 0;
      case session::phase::idle: return is_new ? 2 : 1;
      case session::phase::body: return 3;
      default: return 4;
    }
  };
  const auto least = std::min_element(sessions.begin(), sessions.end(),
                                      [&](const session* a, const session* b) { return rank(*a) < rank(*b); });
  if (least != sessions.end() && rank(**least) < 4) (*least)->close();
}

// The slowest client's body makes room: the oldest of those that are still arriving.
void http_server::state::free_memory(session& asking) {
  const failure reason{kind::overloaded,
                       "more than " + std::to_string(options.max_buffered) + " bytes are buffered; try again later"};
  for (session* each : sessions) {
    if (each == &asking || each->current_phase() != session::phase::body || each->interrupted()) continue;
    return each->interrupt(reason);
  }
  asking.refuse(reason);
}

void http_server::state::compute_next() {
  const std::shared_ptr<session> next = std::move(queue.front());
  queue.pop_front();
  if (!next->connected()) return next->close();
  const auto started = clock::now();
  next->serve();
  const clock::duration took = clock::now() - started;
  usual_computation = usual_computation == clock::duration{0} ? took : (7 * usual_computation + took) / 8;
}

unsigned http_server::state::retry_after() const {
  const auto wait = std::chrono::ceil<std::chrono::seconds>(usual_computation * static_cast<int>(queue.size()));
  return static_cast<unsigned>(std::clamp<long long>(wait.count(), 1, 60));
}

void http_server::state::count_in_flight(int change) {
  in_flight += static_cast<std::size_t>(change);
  if (callbacks.in_flight) callbacks.in_flight(in_flight);
}

void http_server::state::accept() {
  acceptor.async_accept([this](error_code ec, tcp_socket socket) {
    if (stage == life::draining || ec == asio::error::operation_aborted) return;
    if (!ec) {
      admit(std::move(socket));
      accept_pending();
      return accept();
    }
    accept_pause.expires_after(std::chrono::milliseconds(50));  // out of file descriptors, most likely
    accept_pause.async_wait([this](error_code) {
      if (stage != life::draining) accept();
    });
  });
}

// What the kernel has accepted: one connection per turn of the event loop would be one per computation. Returns whether
// more may be waiting.
bool http_server::state::accept_pending() {
  for (std::size_t i = 0; i < accepts_at_a_time; ++i) {
    error_code ec;
    tcp_socket socket(io.get_executor());
    acceptor.accept(socket, ec);
    if (ec) return false;
    admit(std::move(socket));
  }
  return true;
}

void http_server::state::wait_for_signal() {
  signals.async_wait([this](error_code failed, int) {
    if (failed) return;
    on_signal();
    wait_for_signal();
  });
}

void http_server::state::on_signal() {
  if (ending()) {
    log_error("ended by a second signal, with " + std::to_string(sessions.size()) + " connections open");
    aborted = true;
    return stop();
  }
  stage = life::announced;
  if (options.drain_delay_seconds == 0) return drain();
  drain_timer.expires_after(std::chrono::seconds(options.drain_delay_seconds));
  drain_timer.async_wait([this](error_code ec) {
    if (!ec) drain();
  });
}

void http_server::state::drain() {
  stage = life::draining;
  drain_end = clock::now() + drain_time;
  accept_pause.cancel();
  // Without a backlog, clients that connect from here on wait and are refused, instead of being accepted and reset.
  ::listen(acceptor.native_handle(), 0);
  while (accept_pending()) {
  }
  error_code ec;
  acceptor.close(ec);
  for (auto at = sessions.begin(); at != sessions.end();) (*at++)->hurry();

  drain_timer.expires_at(drain_end - (drain_time - drain_compute_time));
  drain_timer.async_wait([this](error_code failed) {
    if (failed) return;
    shed_queue();
    drain_timer.expires_at(drain_end);
    drain_timer.async_wait([this](error_code cancelled) {
      if (!cancelled) stage = life::stopped;
    });
  });
}

void http_server::state::shed_queue() {
  for (const auto& each : std::exchange(queue, {}))
    each->refuse({kind::unavailable, "the process is about to end; try again"});
}

void http_server::state::stop() {
  stage = life::stopped;
  io.stop();
}

http_server::http_server(const settings& s, http_callbacks callbacks)
    : state_(std::make_unique<state>(s, std::move(callbacks))) {}
http_server::~http_server() = default;

outcome<void> http_server::listen(bool shared) {
  state& s = *state_;
  error_code ec;
  const auto address = asio::ip::make_address(s.options.address.c_str(), ec);
  if (ec)
    return failure{kind::unavailable, "address: found " + shown(s.options.address) + ", expected a numeric IP address"};
  const tcp::endpoint endpoint(address, s.options.port);
  s.acceptor.open(endpoint.protocol(), ec);
  if (!ec) s.acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec && shared) s.acceptor.set_option(asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>(true), ec);
  if (!ec) s.acceptor.bind(endpoint, ec);
  if (!ec) s.acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) s.acceptor.non_blocking(true, ec);
  if (ec)
    return failure{kind::unavailable, "cannot listen on " + s.options.address + " port " +
                                          std::to_string(s.options.port) + ": " + ec.message()};
  // Before the port is announced: a signal that arrives while the model still loads must not end the process.
  for (const int number : {SIGTERM, SIGINT}) s.signals.add(number, ec);
  s.wait_for_signal();
  log_line("listening on " + s.options.address + " port " + std::to_string(s.acceptor.local_endpoint(ec).port()));
  return {};
}

int http_server::run() {
  state& s = *state_;
  s.accept();
  while (!s.ended()) {
    try {
      if (s.queue.empty()) s.io.run_one();
      // Connections first, so that health checks and new clients wait for one computation at most.
      const auto until = clock::now() + io_slice;
      while (clock::now() < until && s.io.poll_one() != 0) {
      }
      if (!s.queue.empty() && !s.ended()) s.compute_next();
    } catch (const std::exception& e) {  // the request that threw is gone, and its connection with it
      log_error(e.what());
    }
  }
  return s.aborted ? 1 : 0;
}

bool http_server::draining() const { return state_->ending(); }

}  // namespace serverless
