#include <mobilenet/model/crc32c.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace {
std::uint32_t crc_of(std::string_view text) {
  return mobilenet::detail::crc32c(std::as_bytes(std::span(text.data(), text.size())));
}
}  // namespace

TEST_CASE("CRC-32C: the known values of RFC 3720, appendix B.4") {
  CHECK(crc_of("") == 0);
  CHECK(crc_of("123456789") == 0xe3069283u);
  std::vector<std::byte> bytes(32, std::byte{0});
  CHECK(mobilenet::detail::crc32c(bytes) == 0x8a9136aau);
  bytes.assign(32, std::byte{0xff});
  CHECK(mobilenet::detail::crc32c(bytes) == 0x62a8ab43u);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  CHECK(mobilenet::detail::crc32c(bytes) == 0x46dd794eu);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  CHECK(mobilenet::detail::crc32c(bytes) == 0x113fdb5cu);
}

TEST_CASE("CRC-32C of parts, cut anywhere and lying anywhere, equals that of the whole") {
  std::vector<std::byte> bytes(100);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 + 11);
  const std::span<const std::byte> all(bytes);
  for (std::size_t begin = 0; begin < 9; ++begin) {
    const auto part = all.subspan(begin);
    for (std::size_t cut = 0; cut <= part.size(); ++cut)
      REQUIRE(mobilenet::detail::crc32c(part.subspan(cut), mobilenet::detail::crc32c(part.first(cut))) ==
              mobilenet::detail::crc32c(part));
  }
}
