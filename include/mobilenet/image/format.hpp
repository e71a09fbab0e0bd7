// Detects an image's format from its magic bytes.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

MOBILENET_NAMESPACE_BEGIN

/// JPEG, PNG and BMP are decoded. The formats after them are detected so that an error can name them.
enum class image_format : std::uint8_t {
  unknown,
  jpeg,
  png,
  bmp,
  webp,
  avif,
  heic,
  jpeg_xl,
  jpeg_2000,
  gif,
  tiff,
  ico,
  psd,
  pdf,
  svg,
};

/// As a person writes it: "WebP".
constexpr std::string_view to_string(image_format format) noexcept {
  switch (format) {
    case image_format::unknown: return "unknown";
    case image_format::jpeg: return "JPEG";
    case image_format::png: return "PNG";
    case image_format::bmp: return "BMP";
    case image_format::webp: return "WebP";
    case image_format::avif: return "AVIF";
    case image_format::heic: return "HEIC";
    case image_format::jpeg_xl: return "JPEG XL";
    case image_format::jpeg_2000: return "JPEG 2000";
    case image_format::gif: return "GIF";
    case image_format::tiff: return "TIFF";
    case image_format::ico: return "ICO";
    case image_format::psd: return "PSD";
    case image_format::pdf: return "PDF";
    case image_format::svg: return "SVG";
  }
  return "unknown";
}

namespace detail {

/// Whether text follows at position i, in upper or lower case.
inline bool has_word(const file_bytes& file, std::uint64_t i, std::string_view lower_case) noexcept {
  for (const char c : lower_case) {
    const std::uint32_t found = file.at(i++);
    const bool upper = found >= 'A' && found <= 'Z';
    if ((upper ? found + ('a' - 'A') : found) != static_cast<std::uint32_t>(c)) return false;
  }
  return true;
}

/// AVIF and HEIC are ISO media files, as videos are: a list of brands distinguishes them. A video is unknown.
inline image_format recognise_iso_media(const file_bytes& file) noexcept {
  const std::uint64_t end = file.be32(0) < 256 ? file.be32(0) : 256;
  bool heic = false;
  for (std::uint64_t i = 8; i + 4 <= end; i += 4) {
    if (file.has(i, "avif") || file.has(i, "avis")) return image_format::avif;
    for (const char* brand : {"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1"})
      heic = heic || file.has(i, brand);
  }
  return heic ? image_format::heic : image_format::unknown;
}

constexpr bool is_white_space(std::uint32_t c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// The name of the first element of an XML or HTML text that is `svg` or `html`; empty if neither is found. White
/// space, an XML declaration and comments may precede it, and a document type may take its place.
inline std::string_view find_markup(const file_bytes& file) noexcept {
  constexpr std::uint64_t furthest = 4096;
  std::uint64_t i = file.starts_with("\xef\xbb\xbf") ? 3 : 0;
  while (i < file.size() && i < furthest) {
    if (is_white_space(file.at(i))) {
      ++i;
      continue;
    }
    if (has_word(file, i, "<svg") || has_word(file, i, "<!doctype svg")) return "svg";
    if (has_word(file, i, "<html") || has_word(file, i, "<!doctype html")) return "html";
    const bool comment = file.has(i, "<!--");
    if (!comment && !file.has(i, "<?")) break;
    while (i < file.size() && i < furthest && !file.has(i, comment ? "-->" : "?>")) ++i;
    i += comment ? 3 : 2;
  }
  return {};
}

}  // namespace detail

/// The format of a file. Reads at most the first 4 KB and checks no more than how the file begins.
inline image_format recognise_image(std::span<const std::byte> bytes) noexcept {
  using namespace std::string_view_literals;
  using enum image_format;
  struct magic {
    std::uint32_t at;
    std::string_view text;
    image_format format;
  };
  static constexpr std::array magics{
      magic{0, "\xff\xd8\xff"sv, jpeg},
      magic{0, "\x89PNG\r\n\x1a\n"sv, png},
      magic{8, "WEBP"sv, webp},
      magic{0, "GIF87a"sv, gif},
      magic{0, "GIF89a"sv, gif},
      magic{0, "II*\0"sv, tiff},
      magic{0, "MM\0*"sv, tiff},
      magic{0, "II+\0"sv, tiff},
      magic{0, "MM\0+"sv, tiff},
      magic{0, "\xff\x0a"sv, jpeg_xl},
      magic{0, "\0\0\0\x0cJXL \r\n\x87\n"sv, jpeg_xl},
      magic{0, "\0\0\0\x0cjP  \r\n\x87\n"sv, jpeg_2000},
      magic{0, "\xff\x4f\xff\x51"sv, jpeg_2000},
      magic{0, "\0\0\1\0"sv, ico},
      magic{0, "8BPS"sv, psd},
      magic{0, "%PDF-"sv, pdf},
  };
  const detail::file_bytes file(bytes);
  for (const magic& m : magics)
    if (file.has(m.at, m.text) && (m.format != webp || file.starts_with("RIFF"))) return m.format;
  if (file.has(4, "ftyp")) return detail::recognise_iso_media(file);
  // Texts begin with "BM" too. A BMP has the length of its second header here, which is at most 124.
  const std::uint32_t header = file.le32(14);
  if (file.starts_with("BM") && header < 256) return bmp;
  return detail::find_markup(file) == "svg" ? svg : unknown;
}

namespace detail {

/// What an error calls a file: its format, what else it is known to be, or its first bytes.
inline std::string describe_file(std::span<const std::byte> bytes) {
  const image_format format = recognise_image(bytes);
  if (format != image_format::unknown) return std::string(to_string(format));

  const file_bytes file(bytes);
  if (find_markup(file) == "html") return "HTML";
  if (file.has(4, "ftyp")) return "MP4 or QuickTime";
  constexpr std::string_view base64_of_jpeg = "/9j/";
  constexpr std::string_view base64_of_png = "iVBORw0KGgo";
  for (const std::string_view text : {std::string_view("data:image/"), base64_of_jpeg, base64_of_png})
    if (file.starts_with(text)) return "base64 text";

  // A line end before the file is a mistake in an upload. Browsers refuse such a file too.
  std::size_t blank = 0;
  while (blank < 4096 && blank < bytes.size() && is_white_space(file.at(blank))) ++blank;
  if (const image_format after = recognise_image(bytes.subspan(blank)); after != image_format::unknown)
    return std::to_string(blank) + (blank == 1 ? " byte" : " bytes") + " of white space before a " +
           std::string(to_string(after));

  constexpr char digits[] = "0123456789abcdef";
  std::string found = "it begins with";
  for (const std::byte b : bytes.first(bytes.size() < 8 ? bytes.size() : 8)) {
    found += ' ';
    found += digits[static_cast<unsigned>(b) >> 4];
    found += digits[static_cast<unsigned>(b) & 15];
  }
  return found;
}

}  // namespace detail

/// The error of a decoder that does not read a file: "unsupported format: WebP, expected JPEG".
inline error unsupported_format(std::span<const std::byte> bytes, std::string_view expected) {
  return {errc::unsupported,
          "image: unsupported format: " + detail::describe_file(bytes) + ", expected " + std::string(expected)};
}

MOBILENET_NAMESPACE_END
