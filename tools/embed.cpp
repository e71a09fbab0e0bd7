#include "embed.hpp"

#include "built_in_backends.hpp"
#include "read_input.hpp"
#include "text.hpp"

#include <mobilenet/classifier.hpp>
#if MOBILENET_WITH_DECODE
#include <mobilenet/decode_image.hpp>
#endif

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

namespace mobilenet::tools {
namespace {

constexpr std::size_t longest_image_file = 512u << 20;

result<image> read_image(const std::string& path, [[maybe_unused]] bool exif_orientation) {
  const auto bytes = read_input(path, longest_image_file);
  if (!bytes) return bytes.error();
#if MOBILENET_WITH_DECODE
  return decode_image(*bytes, {.apply_exif_orientation = exif_orientation});
#else
  return error{errc::unsupported, "this program was built without an image decoder (stb_image)"};
#endif
}

// What the class scores are computed from; of a model that has none, its last activation.
result<std::string> standard_layer(const packed_model& model) {
  const auto layers = model.layers();
  if (model.output() == output_kind::features) return std::string(layers.back().activation_name());
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    if (std::holds_alternative<layers::global_average_pool>(layer->params))
      return std::string(layer->activation_name());
  return error{errc::unsupported, "the model has no pooling layer: say with --layer which activation is wanted"};
}

// A vector has one dimension; positions are only written where there are several.
std::vector<std::uint32_t> dimensions_of(const shape& s) {
  if (s.height == 1 && s.width == 1) return {s.channels};
  return {s.height, s.width, s.channels};
}

using json_writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_member(json_writer& json, const char* name, std::string_view text) {
  const std::string valid = to_utf8(text);
  json.Key(name);
  json.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

std::string json_line(const std::string& path, const std::string& layer, const shape& dimensions,
                      const result<std::span<const float>>& activation) {
  rapidjson::StringBuffer buffer;
  json_writer json(buffer);
  json.StartObject();
  write_member(json, "image", path);
  if (activation) {
    write_member(json, "layer", layer);
    json.Key("shape");
    json.StartArray();
    for (const std::uint32_t d : dimensions_of(dimensions)) json.Uint(d);
    json.EndArray();
    json.Key("embedding");
    json.StartArray();
    for (const float v : *activation) {
      char text[32];  // nine digits give every float back
      const int length = std::snprintf(text, sizeof text, "%.9g", static_cast<double>(v));
      if (std::isfinite(v))
        json.RawValue(text, static_cast<std::size_t>(length), rapidjson::kNumberType);
      else
        json.Null();
    }
    json.EndArray();
  } else {
    write_member(json, "error", activation.error().message);
  }
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0
std::string npy_header(std::size_t images, const shape& dimensions) {
  std::string shape_text = std::to_string(images);
  for (const std::uint32_t d : dimensions_of(dimensions)) shape_text += ", " + std::to_string(d);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape_text + "), }";
  constexpr std::size_t before = 10;
  header.append(63 - (before + header.size()) % 64, ' ');
  header += '\n';
  std::string all("\x93NUMPY\x01\x00", 8);
  all += static_cast<char>(header.size() & 0xff);
  all += static_cast<char>(header.size() >> 8);
  return all + header;
}

void print(std::string_view bytes) { std::fwrite(bytes.data(), 1, bytes.size(), stdout); }
void print(std::span<const float> values) { std::fwrite(values.data(), sizeof(float), values.size(), stdout); }

template <class B>
result<bool> embed_with(const embed_options& options) {
  const auto model = packed_model::open(options.model);
  if (!model) return model.error();
  const auto in_model = [&](const error& e) { return error{e.code, options.model + ": " + e.message}; };
  const auto layer = options.layer.empty() ? standard_layer(*model) : result<std::string>(options.layer);
  if (!layer) return in_model(layer.error());
  const auto cut = model->until(*layer);
  if (!cut) return in_model(cut.error());
  auto network = classifier<B>::share(*cut, {.open = {}, .run = {.threads = options.threads}});
  if (!network) return in_model(network.error());
  const shape dimensions = cut->output_shape();

  if (options.npy) print(npy_header(options.images.size(), dimensions));
  bool all = true;
  for (const std::string& path : options.images) {
    result<std::span<const float>> activation = std::span<const float>();
    if (const auto image = read_image(path, options.exif_orientation); !image)
      activation = image.error();
    else
      activation = network->run(*image);
    if (!activation) {
      all = false;
      std::fprintf(stderr, "mobilenet: %s: %s\n", printable(path).c_str(),
                   printable(activation.error().message).c_str());
    }
    if (!options.npy)
      print(json_line(path, *layer, dimensions, activation));
    else if (activation)
      print(*activation);
    else
      print(std::vector<float>(dimensions.elements(), std::numeric_limits<float>::quiet_NaN()));
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return error{errc::io_error, std::string("standard output: cannot write: ") + std::strerror(errno)};
  return all;
}

}  // namespace

result<bool> embed(const embed_options& options) {
  if (options.npy && ::isatty(STDOUT_FILENO) == 1)
    return error{errc::invalid_argument,
                 "standard output is a terminal: send the array to a file, --npy > features.npy"};
  std::optional<result<bool>> done;
  for_each_backend([&]<class B>() {
    if (options.backend == B::name) done = embed_with<B>(options);
  });
  if (!done) return error{errc::invalid_argument, "back end " + options.backend + " is not built in"};
  return *std::move(done);
}

}  // namespace mobilenet::tools
