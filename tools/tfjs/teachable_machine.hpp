// What Teachable Machine's metadata.json says about the model beside it.
#pragma once

#include <mobilenet/error.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace mobilenet::tools {

/// A model for images of @teachablemachine/image. Its labels are read by parse_labels().
struct teachable_machine {
  std::optional<std::uint32_t> image_size;  ///< height and width; old exports have none, they use 224
};

/// Nothing if the text is the metadata of something else.
/// errors   invalid_argument: not JSON, or imageSize is not a size
result<std::optional<teachable_machine>> parse_metadata(std::string_view text);

}  // namespace mobilenet::tools
