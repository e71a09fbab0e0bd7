// The C interface, mobilenet.h, on the back end `simd`: one source that makes a shared or static library, or a part of
// a program.
#if !defined(MOBILENET_API) && defined(__GNUC__)
#define MOBILENET_API __attribute__((visibility("default")))
#endif
#include <mobilenet.h>

#include <mobilenet/backends/simd.hpp>
#include <mobilenet/classifier.hpp>
#include <mobilenet/error.hpp>
#include <mobilenet/image/decode_image.hpp>
#include <mobilenet/platform/mapped_file.hpp>
#if MOBILENET_WITH_DECODE_TURBOJPEG
#include <mobilenet/image/decode_turbojpeg.hpp>
#endif

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct mobilenet_classifier {
  mobilenet::buffer bytes;  // what mobilenet_open_bytes() was given
  mobilenet::classifier<mobilenet::simd> classifier;
  std::vector<std::string> class_names;  // C wants a zero byte behind each
};

struct mobilenet_image {
  mobilenet::image pixels;
};

namespace {

using mobilenet::errc;
using mobilenet::error;
using mobilenet::result;

constexpr mobilenet_status status_of(errc code) { return static_cast<mobilenet_status>(static_cast<int>(code) + 1); }
static_assert(status_of(errc::io_error) == MOBILENET_IO_ERROR);
static_assert(status_of(errc::not_a_model) == MOBILENET_NOT_A_MODEL);
static_assert(status_of(errc::unsupported_version) == MOBILENET_UNSUPPORTED_VERSION);
static_assert(status_of(errc::corrupt_model) == MOBILENET_CORRUPT_MODEL);
static_assert(status_of(errc::checksum_mismatch) == MOBILENET_CHECKSUM_MISMATCH);
static_assert(status_of(errc::shape_mismatch) == MOBILENET_SHAPE_MISMATCH);
static_assert(status_of(errc::unsupported) == MOBILENET_UNSUPPORTED);
static_assert(status_of(errc::out_of_memory) == MOBILENET_OUT_OF_MEMORY);
static_assert(status_of(errc::invalid_argument) == MOBILENET_INVALID_ARGUMENT);
static_assert(status_of(errc::invalid_image) == MOBILENET_INVALID_IMAGE);
static_assert(status_of(errc::image_too_large) == MOBILENET_IMAGE_TOO_LARGE);
static_assert(status_of(errc::backend_failure) == MOBILENET_BACKEND_FAILURE);

static_assert(MOBILENET_GREY == static_cast<int>(mobilenet::pixel_format::grey));
static_assert(MOBILENET_BGRA == static_cast<int>(mobilenet::pixel_format::bgra));
static_assert(MOBILENET_OVER_WHITE == static_cast<int>(mobilenet::alpha_mode::over_white));

mobilenet_status report(errc code, std::string_view text, char** message) {
  if (message == nullptr) return status_of(code);
  *message = static_cast<char*>(std::malloc(text.size() + 1));
  if (*message != nullptr) {
    std::memcpy(*message, text.data(), text.size());
    (*message)[text.size()] = '\0';
  }
  return status_of(code);
}

error null_argument(const char* function, const char* argument) {
  return {errc::invalid_argument, std::string(function) + ": " + argument + " is NULL"};
}

// Calls function(), which returns result<void>. Nothing is thrown into a caller that knows no exceptions.
template <class F>
mobilenet_status guarded(char** message, F function) noexcept {
#if MOBILENET_EXCEPTIONS
  try {
#endif
    const result<void> done = function();
    return done ? MOBILENET_OK : report(done.error().code, done.error().message, message);
#if MOBILENET_EXCEPTIONS
  } catch (const std::bad_alloc&) {
    return report(errc::out_of_memory, "out of memory", message);
  }
#endif
}

result<void> wrap(result<mobilenet::classifier<mobilenet::simd>> made, mobilenet::buffer bytes,
                  mobilenet_classifier** classifier) {
  if (!made) return std::move(made).error();
  std::vector<std::string> names;
  const mobilenet::packed_model& model = made->model();
  names.reserve(model.label_count());
  for (std::uint32_t i = 0; i < model.label_count(); ++i) names.emplace_back(model.label(i));
  *classifier = new mobilenet_classifier{std::move(bytes), *std::move(made), std::move(names)};
  return {};
}

mobilenet::decode_options options_of(const mobilenet_decode_options* given) {
  mobilenet::decode_options options;
  if (given == nullptr) return options;
  if (given->max_pixels != 0) options.max_pixels = given->max_pixels;
  options.apply_exif_orientation = given->apply_exif_orientation != 0;
  options.alpha = static_cast<mobilenet::alpha_mode>(given->alpha);
  return options;
}

result<mobilenet::image> decode(std::span<const std::byte> bytes, const mobilenet_decode_options* given) {
  if (given != nullptr && (given->alpha < MOBILENET_DROP || given->alpha > MOBILENET_OVER_WHITE))
    return error{errc::invalid_argument,
                 "decode options: alpha is " + std::to_string(given->alpha) + ", expected 0 to 2"};
#if MOBILENET_WITH_DECODE_TURBOJPEG
  return mobilenet::decode_by_first(bytes, options_of(given), mobilenet::decode_turbojpeg, mobilenet::decode_image);
#else
  return mobilenet::decode_image(bytes, options_of(given));
#endif
}

mobilenet::image_view view_of(const mobilenet_pixels& pixels) {
  return {pixels.data, pixels.width, pixels.height, pixels.stride,
          static_cast<mobilenet::pixel_format>(std::clamp(pixels.format, 0, 255))};
}

result<void> copy(result<std::span<const float>> from, float* to) {
  if (!from) return std::move(from).error();
  std::copy(from->begin(), from->end(), to);
  return {};
}

}  // namespace

const char* mobilenet_status_name(int status) {
  if (status == MOBILENET_OK) return "ok";
  if (status < MOBILENET_OK || status > MOBILENET_BACKEND_FAILURE) return "unknown";
  return mobilenet::to_string(static_cast<errc>(status - 1)).data();  // literals, which end with a zero byte
}

#define MOBILENET_TEXT_OF(number) #number
#define MOBILENET_JOINED(major, minor, patch) \
  MOBILENET_TEXT_OF(major) "." MOBILENET_TEXT_OF(minor) "." MOBILENET_TEXT_OF(patch)
const char* mobilenet_version(void) {
  return MOBILENET_JOINED(MOBILENET_VERSION_MAJOR, MOBILENET_VERSION_MINOR, MOBILENET_VERSION_PATCH);
}

void mobilenet_free(char* message) { std::free(message); }

mobilenet_status mobilenet_open(const char* path, unsigned threads, mobilenet_classifier** classifier, char** message) {
  return guarded(message, [&]() -> result<void> {
    if (path == nullptr) return null_argument("mobilenet_open", "path");
    if (classifier == nullptr) return null_argument("mobilenet_open", "classifier");
    return wrap(mobilenet::classifier<mobilenet::simd>::open(path, {.run = {.threads = threads}}), {}, classifier);
  });
}

mobilenet_status mobilenet_open_bytes(const void* bytes, size_t size, unsigned threads,
                                      mobilenet_classifier** classifier, char** message) {
  return guarded(message, [&]() -> result<void> {
    if (bytes == nullptr) return null_argument("mobilenet_open_bytes", "bytes");
    if (classifier == nullptr) return null_argument("mobilenet_open_bytes", "classifier");
    auto copied = mobilenet::buffer::create(size, "packed model");
    if (!copied) return std::move(copied).error();
    std::memcpy(copied->data(), bytes, size);
    auto made =
        mobilenet::classifier<mobilenet::simd>::from_bytes({copied->data(), size}, {.run = {.threads = threads}});
    return wrap(std::move(made), *std::move(copied), classifier);
  });
}

void mobilenet_close(mobilenet_classifier* classifier) { delete classifier; }

uint32_t mobilenet_class_count(const mobilenet_classifier* classifier) {
  return classifier == nullptr ? 0 : classifier->classifier.model().class_count();
}

const char* mobilenet_class_name(const mobilenet_classifier* classifier, uint32_t class_index) {
  if (classifier == nullptr || class_index >= classifier->class_names.size()) return "";
  return classifier->class_names[class_index].c_str();
}

size_t mobilenet_output_size(const mobilenet_classifier* classifier) {
  return classifier == nullptr ? 0 : classifier->classifier.model().output_type().elements();
}

size_t mobilenet_embedding_size(const mobilenet_classifier* classifier) {
  if (classifier == nullptr) return 0;
  const mobilenet::packed_model& model = classifier->classifier.model();
  const auto value = model.embedding_value();
  return value ? model.value_type(*value).elements() : 0;
}

mobilenet_status mobilenet_decode(const void* bytes, size_t size, const mobilenet_decode_options* options,
                                  mobilenet_image** image, char** message) {
  return guarded(message, [&]() -> result<void> {
    if (bytes == nullptr && size != 0) return null_argument("mobilenet_decode", "bytes");
    if (image == nullptr) return null_argument("mobilenet_decode", "image");
    auto decoded = decode({static_cast<const std::byte*>(bytes), size}, options);
    if (!decoded) return std::move(decoded).error();
    *image = new mobilenet_image{*std::move(decoded)};
    return {};
  });
}

mobilenet_status mobilenet_decode_file(const char* path, const mobilenet_decode_options* options,
                                       mobilenet_image** image, char** message) {
  return guarded(message, [&]() -> result<void> {
    if (path == nullptr) return null_argument("mobilenet_decode_file", "path");
    if (image == nullptr) return null_argument("mobilenet_decode_file", "image");
    const auto file = mobilenet::mapped_file::open(path);
    if (!file) return file.error();
    auto decoded = decode(file->bytes(), options);
    if (!decoded) return error{decoded.error().code, std::string(path) + ": " + decoded.error().message};
    *image = new mobilenet_image{*std::move(decoded)};
    return {};
  });
}

mobilenet_pixels mobilenet_pixels_of(const mobilenet_image* image) {
  if (image == nullptr) return {};
  const mobilenet::image_view view = image->pixels.view();
  return {view.data, view.width, view.height, view.stride, MOBILENET_RGB};
}

void mobilenet_free_image(mobilenet_image* image) { delete image; }

mobilenet_status mobilenet_classify(mobilenet_classifier* classifier, mobilenet_pixels pixels,
                                    mobilenet_prediction* predictions, size_t* count, char** message) {
  return guarded(message, [&]() -> result<void> {
    if (classifier == nullptr) return null_argument("mobilenet_classify", "classifier");
    if (count == nullptr) return null_argument("mobilenet_classify", "count");
    if (predictions == nullptr && *count != 0) return null_argument("mobilenet_classify", "predictions");
    const auto best = classifier->classifier.classify(view_of(pixels), *count);
    if (!best) return best.error();
    *count = best->size();
    for (const mobilenet::prediction& p : *best)
      *predictions++ = {p.class_index, p.probability, mobilenet_class_name(classifier, p.class_index)};
    return {};
  });
}

mobilenet_status mobilenet_embed(mobilenet_classifier* classifier, mobilenet_pixels pixels, float* embedding,
                                 char** message) {
  return guarded(message, [&]() -> result<void> {
    if (classifier == nullptr) return null_argument("mobilenet_embed", "classifier");
    if (embedding == nullptr) return null_argument("mobilenet_embed", "embedding");
    return copy(classifier->classifier.embedding(view_of(pixels)), embedding);
  });
}

mobilenet_status mobilenet_run(mobilenet_classifier* classifier, mobilenet_pixels pixels, float* output,
                               char** message) {
  return guarded(message, [&]() -> result<void> {
    if (classifier == nullptr) return null_argument("mobilenet_run", "classifier");
    if (output == nullptr) return null_argument("mobilenet_run", "output");
    return copy(classifier->classifier.run(view_of(pixels)), output);
  });
}
