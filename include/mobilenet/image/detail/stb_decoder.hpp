// stb_image's decoders for JPEG and PNG, reading from a source. Internal linkage, as stb_image itself.
#pragma once

#include <mobilenet/image/detail/stb_image.hpp>

#include <cstddef>

namespace mobilenet::compiled {

/// A file as stb_image reads it: not where it lies in memory, but what it should see of it.
struct image_source {
  void* state;
  /// Copies up to `room` bytes, at least 1; 0 at the end of the source. A JPEG may yield few at a time, a PNG as many
  /// as are asked for unless it ends.
  std::size_t (*read)(void* state, unsigned char* to, std::size_t room) noexcept;
  /// The decoder has all that it needs of a scan's data: what is left of them is to be skipped. Returns whether the
  /// source ends there.
  bool (*end_scan)(void* state) noexcept;
};

struct decoded_image {
  unsigned char* samples;  ///< from malloc(); null: stb_image failed
  const char* failure;     ///< what it says then; may be null
  bool outgrown;           ///< it wanted a buffer larger than the limit
};

namespace stb_callbacks {
static inline int read(void* user, char* to, int room) {
  const auto& source = *static_cast<const image_source*>(user);
  return static_cast<int>(
      source.read(source.state, reinterpret_cast<unsigned char*>(to), static_cast<std::size_t>(room)));
}
static inline void skip(void* user, int count) {
  char ignored[64];
  while (count > 0) {
    const int skipped = read(user, ignored, count < 64 ? count : 64);
    if (skipped == 0) return;
    count -= skipped;
  }
}
/// stb_image asks whether the file ends only before it skips to the next marker, after a scan's data.
static inline int eof(void* user) {
  const auto& source = *static_cast<const image_source*>(user);
  return source.end_scan(source.state) ? 1 : 0;
}
}  // namespace stb_callbacks

/// Decodes a JPEG or a PNG to 8-bit samples.
///
/// channels       3: RGB; 4: RGBA
/// growth_limit   bytes that a buffer whose size no header states may have
static inline decoded_image decode_by_stb(const image_source& source, int channels, std::size_t growth_limit) noexcept {
  stb_growth_limit = growth_limit;
  stb::stbi__g_failure_reason = nullptr;  // an earlier image's, which stays if this one is refused without a reason
  const stb::stbi_io_callbacks callbacks{stb_callbacks::read, stb_callbacks::skip, stb_callbacks::eof};
  int width = 0;
  int height = 0;
  int found = 0;
  auto* user = const_cast<image_source*>(&source);
  unsigned char* samples = stb::mobilenet_stbi_load_from_callbacks(&callbacks, user, &width, &height, &found, channels);
  return {samples, samples == nullptr ? stb::mobilenet_stbi_failure_reason() : nullptr, stb_growth_limit == 0};
}

}  // namespace mobilenet::compiled
