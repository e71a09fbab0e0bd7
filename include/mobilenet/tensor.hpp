// Shapes and the memory that activations live in.
#pragma once

#include <mobilenet/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

static_assert(sizeof(std::size_t) >= 8,
              "mobilenet needs a processor of 64 bits: sizes of activations are not checked "
              "for less");

/// Height, width and channels of an activation. The batch is always one image.
struct shape {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint32_t channels = 0;

  /// height * width * channels; exact for every shape with dimensions up to 2^20.
  constexpr std::size_t elements() const noexcept {
    return std::size_t{height} * std::size_t{width} * std::size_t{channels};
  }
  friend constexpr bool operator==(const shape&, const shape&) = default;
};

/// "224x224x3".
inline std::string to_string(const shape& s) {
  return std::to_string(s.height) + "x" + std::to_string(s.width) + "x" + std::to_string(s.channels);
}

/// Non-owning view of a float32 activation, NHWC with n = 1, which may be written.
struct tensor_view {
  float* data = nullptr;
  shape dimensions;
};

/// Non-owning view of a float32 activation, NHWC with n = 1.
struct const_tensor_view {
  const float* data = nullptr;
  shape dimensions;

  const_tensor_view() = default;
  const_tensor_view(const float* values, shape s) : data(values), dimensions(s) {}
  const_tensor_view(tensor_view view) : data(view.data), dimensions(view.dimensions) {}
};

/// Owns memory for floats, 64-byte aligned. Whole cache lines of it, and 16 more bytes, can be read past the end,
/// because vector kernels (XNNPACK's among them) read whole registers at the tail. Move-only. The elements start
/// indeterminate; what lies past them is zero.
class float_buffer {
 public:
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t spare_bytes = 16;

  float_buffer() = default;

  /// what     names it in the error
  /// errors   out_of_memory
  static result<float_buffer> create(std::size_t elements, const char* what) {
    constexpr std::size_t most =
        (std::numeric_limits<std::size_t>::max() / 2 - alignment - spare_bytes) / sizeof(float);
    const std::size_t bytes = elements <= most ? elements * sizeof(float) : 0;
    const std::size_t all = (bytes + alignment - 1) / alignment * alignment + spare_bytes;
    void* memory = elements <= most ? ::operator new (all, std::align_val_t{alignment}, std::nothrow) : nullptr;
    if (memory == nullptr)
      return error{errc::out_of_memory,
                   std::string(what) + " of " + std::to_string(elements) + " floats: no memory for it"};
    std::memset(static_cast<char*>(memory) + bytes, 0, all - bytes);
    float_buffer made;
    made.data_.reset(static_cast<float*>(memory));
    return made;
  }

  float* data() noexcept { return data_.get(); }
  const float* data() const noexcept { return data_.get(); }

 private:
  struct deleter {
    void operator()(float* p) const noexcept { ::operator delete (p, std::align_val_t{alignment}); }
  };
  std::unique_ptr<float, deleter> data_;
};

/// Owns the memory of one activation: float32, NHWC with n = 1, in a float_buffer. Move-only.
class tensor {
 public:
  tensor() = default;

  /// errors   out_of_memory
  static result<tensor> create(shape dimensions) {
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    const std::size_t area = std::size_t{dimensions.height} * dimensions.width;
    const bool fits = area == 0 || dimensions.channels <= most / area;
    auto memory = fits ? float_buffer::create(dimensions.elements(), "tensor") : error{errc::out_of_memory, {}};
    if (!memory) return error{errc::out_of_memory, "tensor " + to_string(dimensions) + ": no memory for it"};
    tensor t;
    t.memory_ = *std::move(memory);
    t.dimensions_ = dimensions;
    return t;
  }

  float* data() noexcept { return memory_.data(); }
  const float* data() const noexcept { return memory_.data(); }
  const shape& dimensions() const noexcept { return dimensions_; }
  tensor_view view() noexcept { return {data(), dimensions_}; }
  const_tensor_view view() const noexcept { return {data(), dimensions_}; }

 private:
  float_buffer memory_;
  shape dimensions_;
};

MOBILENET_NAMESPACE_END
