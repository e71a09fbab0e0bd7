// A file's bytes, read at any offset in either byte order.
#pragma once

#include <mobilenet/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// Past the end every byte is 0, so that a reader need not ask before each field.
class file_bytes {
 public:
  explicit file_bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t size() const noexcept { return bytes_.size(); }
  std::uint32_t at(std::uint64_t i) const noexcept {
    return i < size() ? static_cast<std::uint32_t>(bytes_[static_cast<std::size_t>(i)]) : 0;
  }
  std::uint32_t be16(std::uint64_t i) const noexcept { return at(i) << 8 | at(i + 1); }
  std::uint32_t be32(std::uint64_t i) const noexcept { return be16(i) << 16 | be16(i + 2); }
  std::uint32_t le16(std::uint64_t i) const noexcept { return at(i + 1) << 8 | at(i); }
  std::uint32_t le32(std::uint64_t i) const noexcept { return le16(i + 2) << 16 | le16(i); }
  bool has(std::uint64_t i, std::string_view text) const noexcept {
    return i <= size() && text.size() <= size() - i && std::memcmp(bytes_.data() + i, text.data(), text.size()) == 0;
  }
  bool starts_with(std::string_view magic) const noexcept { return has(0, magic); }
  /// Where a byte is next, from i on; size() where there is none.
  std::uint64_t find(std::uint8_t byte, std::uint64_t i) const noexcept {
    if (i >= size()) return size();
    const void* found = std::memchr(bytes_.data() + i, byte, bytes_.size() - static_cast<std::size_t>(i));
    return found == nullptr ? size() : static_cast<std::uint64_t>(static_cast<const std::byte*>(found) - bytes_.data());
  }
  file_bytes from(std::uint64_t i) const noexcept { return part(i, size()); }
  /// The bytes from `begin` to `end`, as far as the file has them.
  file_bytes part(std::uint64_t begin, std::uint64_t end) const noexcept {
    const std::uint64_t first = std::min(begin, size());
    const std::uint64_t count = std::max(first, std::min(end, size())) - first;
    return file_bytes(bytes_.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
  }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

/// A file made up in memory, by malloc; null where there was none.
struct file_copy {
  std::unique_ptr<std::byte, void (*)(void*)> data;
  std::size_t size;

  explicit file_copy(std::size_t bytes)
      : data(static_cast<std::byte*>(std::calloc(1, bytes)), std::free), size(bytes) {}
};

}  // namespace detail
MOBILENET_NAMESPACE_END
