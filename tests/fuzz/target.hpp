// What the fuzz targets share. Each is one function, called by libFuzzer or by replay.cpp.
#pragma once

#include <mobilenet/model/crc32c.hpp>
#include <mobilenet/model/format.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>

namespace fuzz {

/// Ends the program where something does not hold: that is what both callers notice.
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// An error is one line for a person.
inline int check_message(std::string_view message) {
  require(!message.empty() && message.find('\n') == message.npos);
  return 0;
}

/// Reads every element, so that AddressSanitizer sees those that are not there.
template <class T>
void read_all(std::span<const T> elements) {
  volatile T last{};
  for (const T e : elements) last = e;
  static_cast<void>(last);
}
template <class T>
void read_all(std::span<T> elements) {
  read_all(std::span<const T>(elements));
}

/// Puts the checksum of a packed model's header and section table right: without it, hardly any input would get past
/// the header.
inline void repair_header(std::span<std::byte> bytes) {
  namespace format = mobilenet::format;
  format::header header;
  if (bytes.size() < sizeof header) return;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::uint64_t table_end = sizeof header + std::uint64_t{header.section_count} * sizeof(format::section);
  if (table_end > bytes.size()) return;
  header.file_length = bytes.size();
  header.checksum = 0;
  std::memcpy(bytes.data(), &header, sizeof header);
  header.checksum = mobilenet::detail::crc32c(bytes.first(static_cast<std::size_t>(table_end)));
  std::memcpy(bytes.data(), &header, sizeof header);
}

/// The bytes of a packed model, its header repaired: aligned as a mapping is, and exactly as long as the input, so that
/// AddressSanitizer sees every read past the end.
class packed_bytes {
 public:
  packed_bytes(const std::uint8_t* data, std::size_t size)
      : memory_(static_cast<std::byte*>(::operator new(size, alignment))), size_(size) {
    if (size > 0) std::memcpy(memory_.get(), data, size);
    repair_header({memory_.get(), size});
  }
  std::span<const std::byte> bytes() const { return {memory_.get(), size_}; }

 private:
  static constexpr std::align_val_t alignment{mobilenet::format::alignment};
  struct deleter {
    void operator()(std::byte* memory) const { ::operator delete(memory, alignment); }
  };
  std::unique_ptr<std::byte, deleter> memory_;
  std::size_t size_;
};

}  // namespace fuzz
