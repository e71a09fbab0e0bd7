#include "decode.hpp"

#include <mobilenet/image/decode_image.hpp>
#ifdef MOBILENET_HANDLER_TURBOJPEG
#include <mobilenet/image/decode_turbojpeg.hpp>
#endif

namespace serverless {

// libjpeg-turbo first, where it is built in: it takes 0.6 of stb_image's time, and its pixels are those of browsers.
#ifdef MOBILENET_HANDLER_TURBOJPEG
mobilenet::result<mobilenet::image> decode(std::span<const std::byte> bytes, const mobilenet::decode_options& options) {
  return mobilenet::decode_by_first(bytes, options, mobilenet::decode_turbojpeg, mobilenet::decode_image);
}
std::string_view jpeg_decoder() { return "libjpeg-turbo"; }
#else
mobilenet::result<mobilenet::image> decode(std::span<const std::byte> bytes, const mobilenet::decode_options& options) {
  return mobilenet::decode_image(bytes, options);
}
std::string_view jpeg_decoder() { return "stb_image"; }
#endif

}  // namespace serverless
