#include "cli/read_image.hpp"

#include "cli/read_input.hpp"

#if MOBILENET_WITH_DECODE
#include <mobilenet/image/decode_image.hpp>
#endif
#if MOBILENET_WITH_DECODE_TURBOJPEG
#include <mobilenet/image/decode_turbojpeg.hpp>
#endif

#include <algorithm>
#include <string_view>
#include <utility>

namespace mobilenet::tools {

result<std::vector<std::byte>> read_bytes(const queued_image& queued) {
  return queued.read ? *queued.read : read_input(queued.path, longest_image_file);
}

std::vector<std::string> decoder_names() {
  std::vector<std::string> names;
#if MOBILENET_WITH_DECODE && MOBILENET_WITH_DECODE_TURBOJPEG
  names.emplace_back("turbojpeg");
#endif
#if MOBILENET_WITH_DECODE
  names.emplace_back("stb");
#endif
  return names;
}

#if MOBILENET_WITH_DECODE
namespace {

result<image> decode_by(const std::vector<std::byte>& bytes, const image_options& options, const shape& input) {
  const decode_options how{.max_pixels = options.max_pixels,
                           .apply_exif_orientation = options.exif_orientation,
                           .alpha = options.alpha,
                           .smallest_side = options.scale_jpeg ? 2 * std::max(input.height, input.width) : 0};
#if MOBILENET_WITH_DECODE_TURBOJPEG
  if (options.decoder != "stb") return decode_by_first(bytes, how, decode_turbojpeg, decode_image);
#endif
  return decode_image(bytes, how);
}

}  // namespace
#endif

result<image> decode([[maybe_unused]] const std::vector<std::byte>& bytes,
                     [[maybe_unused]] const image_options& options, [[maybe_unused]] const shape& input) {
#if MOBILENET_WITH_DECODE
  auto decoded = decode_by(bytes, options, input);
  if (decoded) return decoded;
  error e = std::move(decoded).error();
  if (constexpr std::string_view prefix = "image: "; e.message.starts_with(prefix)) e.message.erase(0, prefix.size());
  if (e.message.find("pixels, expected at most") != e.message.npos) e.message += " (--max-pixels)";
  return e;
#else
  return error{errc::unsupported, "this program was built without an image decoder (stb_image)"};
#endif
}

}  // namespace mobilenet::tools
