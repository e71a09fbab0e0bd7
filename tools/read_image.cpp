#include "read_image.hpp"

#include "read_input.hpp"

#if MOBILENET_WITH_DECODE
#include <mobilenet/decode_image.hpp>
#endif

namespace mobilenet::tools {

result<std::vector<std::byte>> read_bytes(const queued_image& queued) {
  return queued.read ? *queued.read : read_input(queued.path, longest_image_file);
}

result<image> decode([[maybe_unused]] const std::vector<std::byte>& bytes, [[maybe_unused]] bool exif_orientation) {
#if MOBILENET_WITH_DECODE
  return decode_image(bytes, {.apply_exif_orientation = exif_orientation});
#else
  return error{errc::unsupported, "this program was built without an image decoder (stb_image)"};
#endif
}

}  // namespace mobilenet::tools
