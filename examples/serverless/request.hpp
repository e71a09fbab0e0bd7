// Where a request has its image: the body itself, a form, a field of a JSON object.
#pragma once

#include "failure.hpp"
#include "handler.hpp"
#include "json.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace serverless {

/// An image together with the memory it lies in.
struct held_request {
  image_request request{};
  std::optional<json_document> json{};   ///< where the image was a field; it has been rewritten in place
  std::unique_ptr<std::string> bytes{};  ///< where it was the body or a part of it; keeps its address when moved
};

/// {"image": "base64 or data: URL", "top": 3}. Decodes in place: the field's text is gone afterwards.
/// errors   missing_image, invalid_parameter, invalid_base64
outcome<image_request> image_of_parameters(json_value& parameters, const settings& s);

/// The bytes of base64, or of a data: URL that holds base64; in place.
/// what     names the field in a message
/// errors   invalid_base64
outcome<std::span<std::byte>> decode_base64_field(std::span<char> text, std::string_view what);

/// An HTTP body: an image as it is, multipart/form-data with an image in it, or JSON as above.
/// errors   missing_image, invalid_parameter, invalid_base64, invalid_json, invalid_request, unsupported_media_type
outcome<held_request> image_of_body(std::string_view content_type, std::string body, const settings& s);

/// A number of classes as text: a query's "top=5".
/// errors   invalid_parameter
outcome<std::size_t> parse_top(std::string_view text);

/// Value of a parameter in a query string, undecoded; empty where there is none.
std::string_view query_parameter(std::string_view query, std::string_view name);

/// Media type without parameters, in lower case: "application/json".
std::string media_type(std::string_view content_type);

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace serverless
