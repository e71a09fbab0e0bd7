// What can be wrong with a request, and what each protocol is told about it.
#pragma once

#include <mobilenet/error.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace serverless {

/// The kinds of failure; also the label of mobilenet_errors_total.
enum class kind : unsigned char {
  missing_image,           ///< no image where one was expected
  invalid_base64,          ///< text that is not base64
  invalid_json,            ///< text that is not JSON, or more nested or longer than any request of ours
  invalid_parameter,       ///< a field of a wrong type or out of range
  invalid_request,         ///< the protocol's own rules are broken: HTTP syntax, multipart, CloudEvents, a second init
  version_not_supported,   ///< an HTTP version other than 1.0 and 1.1
  expectation_failed,      ///< an Expect header other than 100-continue
  not_an_image,            ///< bytes that do not start as a JPEG, PNG or BMP
  unsupported_media_type,  ///< a content type or encoding that is not understood
  invalid_image,           ///< an image that is damaged or truncated
  image_too_large,         ///< more pixels than allowed
  body_too_large,          ///< more bytes than allowed
  headers_too_large,       ///< more bytes of HTTP headers than allowed
  timeout,                 ///< the client was too slow
  not_found,               ///< unknown path
  method_not_allowed,      ///< known path, other method
  forbidden,               ///< right request at the wrong time
  unavailable,             ///< the model could not be loaded, or the process is shutting down
  overloaded,              ///< more requests wait, or more bytes are buffered, than allowed
  out_of_memory,           ///< an allocation was refused
  internal,                ///< a mistake of ours
};

struct kind_description {
  std::string_view name;    ///< in metrics and logs
  std::string_view reason;  ///< as Lambda spells it, after "Function."
  int status;               ///< HTTP
};

inline constexpr std::array<kind_description, 21> kinds{{
    {"missing_image", "MissingImage", 400},
    {"invalid_base64", "InvalidBase64", 400},
    {"invalid_json", "InvalidJson", 400},
    {"invalid_parameter", "InvalidParameter", 400},
    {"invalid_request", "InvalidRequest", 400},
    {"version_not_supported", "VersionNotSupported", 505},
    {"expectation_failed", "ExpectationFailed", 417},
    {"not_an_image", "NotAnImage", 415},
    {"unsupported_media_type", "UnsupportedMediaType", 415},
    {"invalid_image", "InvalidImage", 422},
    {"image_too_large", "ImageTooLarge", 413},
    {"body_too_large", "BodyTooLarge", 413},
    {"headers_too_large", "HeadersTooLarge", 431},
    {"timeout", "Timeout", 408},
    {"not_found", "NotFound", 404},
    {"method_not_allowed", "MethodNotAllowed", 405},
    {"forbidden", "Forbidden", 403},
    {"unavailable", "Unavailable", 503},
    {"overloaded", "Overloaded", 503},
    {"out_of_memory", "OutOfMemory", 503},
    {"internal", "Internal", 500},
}};

constexpr const kind_description& describe(kind what) { return kinds[static_cast<std::size_t>(what)]; }

/// One failure: its kind, and one line for a person that names the field, what was found and what was expected.
struct failure {
  kind what;
  std::string message;

  int status() const { return describe(what).status; }
};

template <class T>
using outcome = mobilenet::result<T, failure>;

}  // namespace serverless
