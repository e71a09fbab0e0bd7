#include "tfjs/teachable_machine.hpp"

#include "tfjs/json_value.hpp"

namespace mobilenet::tools {

result<std::optional<teachable_machine>> parse_metadata(std::string_view text) {
  const auto document = json_document::parse(text);
  if (!document) return document.error();
  const json_value root = document->root();
  const json_value package = root["packageName"];
  if (!package.is_string() || *package.string() != "@teachablemachine/image") return std::optional<teachable_machine>();
  teachable_machine made;
  if (const json_value size = root["imageSize"]) {
    const auto side = size.positive_integer();
    if (!side) return side.error();
    made.image_size = *side;
  }
  return std::optional(made);
}

}  // namespace mobilenet::tools
