// What the process was started with; options.hpp fills it from flags and environment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace serverless {

struct settings {
  std::string model;                             ///< path; empty: embedded, or model.mnet beside the executable
  std::string address = "0.0.0.0";               ///< to listen on
  std::uint16_t port = 8080;                     ///< 0 takes a free one
  unsigned workers = 1;                          ///< processes that serve the port; 0: one per processor
  std::size_t max_body = 8 * 1024 * 1024;        ///< bytes of a request body, or of a line
  std::size_t max_buffered = 128 * 1024 * 1024;  ///< bytes that the connections of one process buffer together
  std::size_t max_queue = 256;                   ///< complete requests that wait for their computation
  std::uint64_t max_pixels = 64'000'000;         ///< of an image, before it is decoded
  unsigned timeout_seconds = 30;                 ///< for a whole request to arrive, and for an answer to be read
  unsigned keep_alive_seconds = 90;              ///< that a connection may stay open without a request; 0: closed
  unsigned drain_delay_seconds = 0;              ///< between SIGTERM and the end of the listener
  unsigned top = 3;                              ///< classes in an answer, unless the request says otherwise
  unsigned threads = 1;                          ///< for one classification; 0: as many as the process may use
  bool exif_orientation = false;                 ///< rotates photos by their EXIF orientation
  bool quiet = false;                            ///< no log lines for successful requests
  bool log_json = false;                         ///< log lines are JSON objects
  std::string allow_origin;                      ///< CORS: "*", or origins separated by commas
};

}  // namespace serverless
