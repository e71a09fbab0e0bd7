#include "classify.hpp"

#include "built_in_backends.hpp"
#include "progress_bar.hpp"
#include "read_input.hpp"
#include "text.hpp"

#include <mobilenet/classifier.hpp>
#if MOBILENET_WITH_DECODE
#include <mobilenet/decode_image.hpp>
#endif

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace mobilenet::tools {
namespace {

constexpr std::size_t longest_image_file = 512u << 20;

/// Milliseconds that each step took.
struct timings {
  double decode = 0;
  double preprocess = 0;
  double classify = 0;
};

class stopwatch {
 public:
  /// Milliseconds since it was made or last asked.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::milli>(now - std::exchange(since_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

struct answer {
  std::vector<prediction> best;
  timings took;
};

result<image> decode([[maybe_unused]] std::span<const std::byte> bytes,
                     [[maybe_unused]] const classify_options& options) {
#if MOBILENET_WITH_DECODE
  return decode_image(bytes, {.apply_exif_orientation = options.exif_orientation});
#else
  return error{errc::unsupported, "this program was built without an image decoder (stb_image)"};
#endif
}

template <class B>
result<answer> classify_one(classifier<B>& classifier, const std::string& path, const classify_options& options) {
  const auto bytes = read_input(path, longest_image_file);
  if (!bytes) return bytes.error();
  answer given;
  stopwatch watch;
  auto image = decode(*bytes, options);
  if (!image) return std::move(image).error();
  given.took.decode = watch.lap();
  if (auto done = classifier.preprocess(*image); !done) return std::move(done).error();
  given.took.preprocess = watch.lap();
  given.best = top_k(classifier.model(), classifier.network().run(), options.top);
  given.took.classify = watch.lap();
  return given;
}

using json_writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_string(json_writer& json, std::string_view text) {
  const std::string valid = to_utf8(text);
  json.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

void write_number(json_writer& json, double number) {
  if (std::isfinite(number))
    json.Double(number);
  else
    json.Null();  // JSON knows no NaN
}

std::string json_line(const std::string& path, const result<answer>& given) {
  rapidjson::StringBuffer buffer;
  json_writer json(buffer);
  json.StartObject();
  json.Key("image");
  write_string(json, path);
  if (given) {
    json.Key("results");
    json.StartArray();
    for (const prediction& p : given->best) {
      json.StartObject();
      json.Key("classIndex");
      json.Uint(p.class_index);
      json.Key("className");
      write_string(json, p.class_name);
      json.Key("probability");
      write_number(json, static_cast<double>(p.probability));
      json.EndObject();
    }
    json.EndArray();
    json.Key("timings");
    json.StartObject();
    const auto write_timing = [&](const char* name, double milliseconds) {
      json.Key(name);
      write_number(json, std::round(milliseconds * 1000.0) / 1000.0);
    };
    write_timing("decode", given->took.decode);
    write_timing("preprocess", given->took.preprocess);
    write_timing("classify", given->took.classify);
    json.EndObject();
  } else {
    json.Key("error");
    write_string(json, given.error().message);
  }
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string text_lines(const std::string& path, const answer& given) {
  std::string lines = printable(path) + "\n";
  for (const prediction& p : given.best) {
    char line[64];
    std::snprintf(line, sizeof line, "  %6.2f %%  %5u", static_cast<double>(p.probability) * 100.0, p.class_index);
    lines += line;
    if (!p.class_name.empty()) lines += "  " + printable(p.class_name);
    lines += "\n";
  }
  return lines;
}

error without_prefix(error e) {
  // The image's path is in front already.
  if (constexpr std::string_view prefix = "image: "; e.message.starts_with(prefix)) e.message.erase(0, prefix.size());
  return e;
}

template <class B>
result<bool> classify_with(const classify_options& options) {
  auto made = classifier<B>::open(options.model, {.open = {}, .run = {.threads = options.threads}});
  if (!made) {
    error e = std::move(made).error();
    if (!e.message.starts_with(options.model))
      e.message.insert(0, options.model + ": ");  // a layer's error: which model's?
    return e;
  }
  if (made->model().output() != output_kind::classes)
    return error{errc::unsupported, options.model + ": the model has no classes: it ends in " +
                                        to_string(made->model().output_shape()) + " features"};

  const bool shares_terminal = ::isatty(STDOUT_FILENO) == 1;
  progress_bar progress(options.images.size());
  bool all = true;
  for (std::size_t i = 0; i < options.images.size(); ++i) {
    const std::string& path = options.images[i];
    progress.show(i, path);
    result<answer> given = classify_one(*made, path, options);
    if (!given) {
      given = without_prefix(given.error());
      all = false;
      progress.clear();
      std::fprintf(stderr, "mobilenet: %s: %s\n", printable(path).c_str(), printable(given.error().message).c_str());
    }
    std::string out;
    if (options.json)
      out = json_line(path, given);
    else if (given)
      out = text_lines(path, *given);
    if (shares_terminal) progress.clear();
    std::fwrite(out.data(), 1, out.size(), stdout);
    if (options.json) std::fflush(stdout);  // whoever reads line by line need not wait for a full buffer
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return error{errc::io_error, std::string("standard output: cannot write: ") + std::strerror(errno)};
  return all;
}

}  // namespace

result<bool> classify(const classify_options& options) {
  std::optional<result<bool>> done;
  for_each_backend([&]<class B>() {
    if (options.backend == B::name) done = classify_with<B>(options);
  });
  if (!done) return error{errc::invalid_argument, "back end " + options.backend + " is not built in"};
  return *std::move(done);
}

}  // namespace mobilenet::tools
