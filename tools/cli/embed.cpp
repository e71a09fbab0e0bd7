#include "cli/embed.hpp"

#include "cli/built_in_backends.hpp"
#include "cli/for_each_image.hpp"
#include "cli/image_queue.hpp"
#include "cli/json_output.hpp"
#include "cli/open_packed.hpp"
#include "cli/read_image.hpp"

#include <mobilenet/classifier_pool.hpp>

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace mobilenet::tools {
namespace {

// The value that a layer computes, or else the one that the class scores are computed from.
result<value_id> wanted_value(const packed_model& model, const std::string& layer) {
  if (!layer.empty()) return find_layer(model, layer);
  if (const auto standard = model.embedding_value()) return *standard;
  return error{errc::unsupported, "the model has no pooling layer: name the layer with --layer"};
}

// A vector has one dimension; positions are only written where there are several.
std::vector<std::uint32_t> dimensions_of(const shape& s) {
  if (s.height == 1 && s.width == 1) return {s.channels};
  return {s.height, s.width, s.channels};
}

std::string json_line(const std::string& path, const std::string& layer, const shape& dimensions,
                      const result<std::vector<float>>& activation) {
  json_buffer buffer;
  json_writer json(buffer);
  json.StartObject();
  json.Key("image");
  write_string(json, path);
  if (activation) {
    json.Key("layer");
    write_string(json, layer);
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
    json.Key("error");
    write_string(json, activation.error().message);
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

std::string npy_row(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

template <class B>
result<std::vector<float>> embed_one(classifier<B>& classifier, const queued_image& queued,
                                     const image_options& options) {
  const auto bytes = read_bytes(queued);
  if (!bytes) return bytes.error();
  const auto image = decode(*bytes, options, classifier.model().input_type());
  if (!image) return image.error();
  const auto activation = classifier.run(*image);
  if (!activation) return activation.error();
  return std::vector<float>(activation->begin(), activation->end());
}

template <class B>
result<bool> embed_with(const embed_options& options) {
  const auto model = open_packed(options.model);
  if (!model) return model.error();
  const auto in_model = [&](const error& e) { return error{e.code, options.model + ": " + e.message}; };
  const auto value = wanted_value(*model, options.layer);
  if (!value) return in_model(value.error());
  const std::string layer =
      options.layer.empty() ? std::string(model->nodes()[*value - 1].activation_name()) : options.layer;
  const shape dimensions = model->value_type(*value);
  auto queue = image_queue::open(options.images);
  if (!queue) return std::move(queue).error();
  auto pool = pool_for<B>(*queue, *model, options.threads, *value);
  if (!pool) return in_model(pool.error());

  if (options.npy) {
    if (auto ended = queue->wait_for_all(); !ended) return std::move(ended).error();  // the header says how many
    const std::string header = npy_header(*queue->total(), dimensions);
    std::fwrite(header.data(), 1, header.size(), stdout);
  }
  return for_each_image(
      *queue, *pool,
      [&](classifier<B>& classifier, const queued_image& image) {
        return embed_one(classifier, image, options.images);
      },
      [&](const queued_image& image, const result<std::vector<float>>& activation) {
        if (!options.npy) return json_line(image.path, layer, dimensions, activation);
        return npy_row(activation ? *activation
                                  : std::vector(dimensions.elements(), std::numeric_limits<float>::quiet_NaN()));
      });
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
