// Shapes, element types, and the memory that activations live in.
#pragma once

#include <mobilenet/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

/// Height, width and channels of an activation. The batch is always one image.
struct shape {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint32_t channels = 0;

  /// height * width * channels; exact for dimensions up to 2^20.
  constexpr std::uint64_t volume() const noexcept { return std::uint64_t{height} * width * channels; }
  /// volume() as an index type. parse() and tensor::create() accept only shapes for which it is exact.
  constexpr std::size_t elements() const noexcept { return static_cast<std::size_t>(volume()); }
  /// height * width.
  constexpr std::size_t positions() const noexcept { return std::size_t{height} * width; }
  /// Whether there is one position only: 1x1xc.
  constexpr bool is_vector() const noexcept { return height == 1 && width == 1; }
  friend constexpr bool operator==(const shape&, const shape&) = default;
};

/// "224x224x3".
inline std::string to_string(const shape& s) {
  return std::to_string(s.height) + "x" + std::to_string(s.width) + "x" + std::to_string(s.channels);
}

/// How one number is stored. The values are those of the packed format.
enum class element : std::uint32_t {
  f32 = 0,  ///< IEEE 754 binary32
  f16 = 1,  ///< IEEE 754 binary16; weights only
};
inline constexpr std::uint32_t element_count = 2;

constexpr std::size_t bytes_per_element(element type) noexcept { return type == element::f32 ? 4 : 2; }

/// "f32".
constexpr std::string_view to_string(element type) noexcept { return type == element::f32 ? "f32" : "f16"; }

/// How the elements of a tensor are stored, and what they mean: real = scale * (stored - zero_point). Floats mean
/// themselves: scale 1, zero point 0.
struct encoding {
  element type = element::f32;
  float scale = 1.0f;
  std::int32_t zero_point = 0;
  friend constexpr bool operator==(const encoding&, const encoding&) = default;
};

/// The type of a tensor. A shape alone converts to a tensor of float32.
struct tensor_type : shape, encoding {
  constexpr tensor_type() = default;
  constexpr tensor_type(const shape& s, const encoding& e = {}) : shape(s), encoding(e) {}
  constexpr tensor_type(std::uint32_t h, std::uint32_t w, std::uint32_t c) : shape{h, w, c} {}
  friend constexpr bool operator==(const tensor_type&, const tensor_type&) = default;
};

/// Non-owning view of a tensor: NHWC with n = 1.
template <class T>
struct tensor_view {
  T* data = nullptr;
  shape dimensions;

  operator tensor_view<const T>() const noexcept { return {data, dimensions}; }
};

/// Owns bytes, 64-byte aligned. Vector kernels (XNNPACK's among them) read whole registers at the tail, so the rest
/// of the last cache line and 16 more bytes can be read past the end. Move-only. The bytes start indeterminate; those
/// past the end are zero.
class buffer {
 public:
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t tail_padding = 16;

  buffer() = default;

  /// what     names the buffer in the error
  /// errors   out_of_memory
  static result<buffer> create(std::uint64_t bytes, const char* what) {
    constexpr std::uint64_t most = std::numeric_limits<std::size_t>::max() / 2 - alignment - tail_padding;
    const std::uint64_t allocated = (bytes + alignment - 1) / alignment * alignment + tail_padding;
    void* memory = bytes <= most
                       ? ::operator new (static_cast<std::size_t>(allocated), std::align_val_t{alignment}, std::nothrow)
                       : nullptr;
    if (memory == nullptr)
      return error{errc::out_of_memory, std::string(what) + " of " + std::to_string(bytes) + " bytes: out of memory"};
    buffer made;
    made.size_ = static_cast<std::size_t>(bytes);
    made.data_.reset(static_cast<std::byte*>(memory));
    std::memset(made.data() + made.size_, 0, static_cast<std::size_t>(allocated - bytes));
    return made;
  }

  std::byte* data() noexcept { return data_.get(); }
  const std::byte* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }

  /// The bytes as elements. T is trivial.
  template <class T>
  T* as() noexcept {
    return reinterpret_cast<T*>(data());
  }
  template <class T>
  const T* as() const noexcept {
    return reinterpret_cast<const T*>(data());
  }

 private:
  struct deleter {
    void operator()(std::byte* p) const noexcept { ::operator delete (p, std::align_val_t{alignment}); }
  };
  std::unique_ptr<std::byte, deleter> data_;
  std::size_t size_ = 0;
};

/// Owns a float32 tensor: NHWC with n = 1, in a buffer. Move-only.
class tensor {
 public:
  tensor() = default;

  /// errors   out_of_memory
  static result<tensor> create(shape dimensions) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / sizeof(float);
    const std::uint64_t area = std::uint64_t{dimensions.height} * dimensions.width;
    const bool fits = area == 0 || dimensions.channels <= most / area;
    auto memory = fits ? buffer::create(dimensions.volume() * sizeof(float), "tensor") : error{errc::out_of_memory, {}};
    if (!memory) return error{errc::out_of_memory, "tensor " + to_string(dimensions) + ": out of memory"};
    tensor t;
    t.memory_ = *std::move(memory);
    t.dimensions_ = dimensions;
    return t;
  }

  float* data() noexcept { return memory_.as<float>(); }
  const float* data() const noexcept { return memory_.as<float>(); }
  const shape& dimensions() const noexcept { return dimensions_; }
  tensor_view<float> view() noexcept { return {data(), dimensions_}; }
  tensor_view<const float> view() const noexcept { return {data(), dimensions_}; }

 private:
  buffer memory_;
  shape dimensions_;
};

MOBILENET_NAMESPACE_END
