// How the library reports failure: errc, error, result<T>.
//
// Every function that can fail returns result<T>. A program built with exceptions may call .value(), which throws
// mobilenet::exception; a program built without them tests the result and reads .error().
#pragma once

#include <mobilenet/namespace.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

MOBILENET_NAMESPACE_BEGIN

/// What kind of failure an error is; the message tells the rest.
enum class errc : std::uint8_t {
  io_error,             ///< the operating system would not open, read or map a file
  not_a_model,          ///< the bytes do not start as a packed model does
  unsupported_version,  ///< a packed model of a format version or byte order this library does not read
  corrupt_model,        ///< a packed model whose fields contradict each other or its length
  checksum_mismatch,    ///< a section's bytes are not those that were written
  shape_mismatch,       ///< shapes that do not fit together
  unsupported,          ///< well-formed, but this library or back end cannot do it
  out_of_memory,        ///< an allocation was refused
  invalid_argument,     ///< the caller passed something no input could make right
  invalid_image,        ///< the bytes are no image, or a damaged one
  image_too_large,      ///< an image with more pixels than the caller allows
  backend_failure,      ///< the library under a back end reported a failure
};

/// The enumerator's own name, "io_error" for errc::io_error.
constexpr std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::io_error: return "io_error";
    case errc::not_a_model: return "not_a_model";
    case errc::unsupported_version: return "unsupported_version";
    case errc::corrupt_model: return "corrupt_model";
    case errc::checksum_mismatch: return "checksum_mismatch";
    case errc::shape_mismatch: return "shape_mismatch";
    case errc::unsupported: return "unsupported";
    case errc::out_of_memory: return "out_of_memory";
    case errc::invalid_argument: return "invalid_argument";
    case errc::invalid_image: return "invalid_image";
    case errc::image_too_large: return "image_too_large";
    case errc::backend_failure: return "backend_failure";
  }
  return "unknown";
}

/// A failure: its kind, and one line for a person that names the file or field, what was found and
/// what was expected.
struct error {
  errc code;
  std::string message;
};

#if MOBILENET_EXCEPTIONS
/// What result<T>::value() throws; what() is the error's message.
class exception : public std::runtime_error {
 public:
  explicit exception(const error& e) : std::runtime_error(e.message), code_(e.code) {}
  errc code() const noexcept { return code_; }

 private:
  errc code_;
};
#endif

namespace detail {
// What a pointer from std::get_if() points to. result's contract says that it is not null: a compiler that cannot see
// that warns (-Wnull-dereference).
template <class T>
constexpr T& not_null(T* pointer) noexcept {
#if defined(_MSC_VER)
  __assume(pointer != nullptr);
#else
  if (pointer == nullptr) __builtin_unreachable();
#endif
  return *pointer;
}
}  // namespace detail

/// Either a T or an error. Asking the wrong one of the two is undefined, as with std::expected.
/// E is the application's own error type where it is not the library's; value() then does not compile.
template <class T, class E = error>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  result(E failure) : state_(std::in_place_index<1>, std::move(failure)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& operator*() & noexcept { return detail::not_null(std::get_if<0>(&state_)); }
  const T& operator*() const& noexcept { return detail::not_null(std::get_if<0>(&state_)); }
  /// By value, so that  for (auto& p : *classifier.classify(image))  does not loop over a dead temporary.
  T operator*() && noexcept(std::is_nothrow_move_constructible_v<T>) { return std::move(detail::not_null(std::get_if<0>(&state_))); }
  T* operator->() noexcept { return &detail::not_null(std::get_if<0>(&state_)); }
  const T* operator->() const noexcept { return &detail::not_null(std::get_if<0>(&state_)); }

  const E& error() const& noexcept { return detail::not_null(std::get_if<1>(&state_)); }
  E&& error() && noexcept { return std::move(detail::not_null(std::get_if<1>(&state_))); }

#if MOBILENET_EXCEPTIONS
  /// The value. Throws mobilenet::exception if there is none.
  T& value() & {
    if (!has_value()) throw exception(error());
    return **this;
  }
  const T& value() const& {
    if (!has_value()) throw exception(error());
    return **this;
  }
  /// By value, for the same reason.
  T value() && {
    if (!has_value()) throw exception(error());
    return *std::move(*this);
  }
#endif

 private:
  std::variant<T, E> state_;
};

/// For functions that succeed without a value.
template <class E>
class [[nodiscard]] result<void, E> {
 public:
  result() = default;
  result(E failure) : failure_(std::move(failure)), failed_(true) {}

  bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return has_value(); }
  const E& error() const& noexcept { return failure_; }
  E&& error() && noexcept { return std::move(failure_); }

#if MOBILENET_EXCEPTIONS
  void value() const {
    if (failed_) throw exception(failure_);
  }
#endif

 private:
  E failure_{};
  bool failed_ = false;
};

MOBILENET_NAMESPACE_END
