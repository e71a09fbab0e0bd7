#include "cli/classify.hpp"

#include "cli/built_in_backends.hpp"
#include "cli/for_each_image.hpp"
#include "cli/image_queue.hpp"
#include "cli/json_output.hpp"
#include "cli/open_packed.hpp"
#include "cli/profile_text.hpp"
#include "cli/read_image.hpp"

#include <mobilenet/classifier_pool.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

namespace mobilenet::tools {
namespace {

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

template <class B>
result<answer> classify_one(classifier<B>& classifier, const queued_image& queued, const classify_options& options) {
  const auto bytes = read_bytes(queued);
  if (!bytes) return bytes.error();
  answer given;
  stopwatch watch;
  auto image = decode(*bytes, options.images, classifier.model().input_type());
  if (!image) return std::move(image).error();
  given.took.decode = watch.lap();
  if (auto done = classifier.preprocess(*image); !done) return std::move(done).error();
  given.took.preprocess = watch.lap();
  given.best = top_k(classifier.model(), classifier.network().run(), options.top);
  given.took.classify = watch.lap();
  return given;
}

void write_number(json_writer& json, double number) {
  if (std::isfinite(number))
    json.Double(number);
  else
    json.Null();  // JSON knows no NaN
}

std::string json_line(const std::string& path, const result<answer>& given) {
  json_buffer buffer;
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

template <class B>
result<bool> classify_with(const classify_options& options) {
  const auto in_model = [&](error e) {
    if (!e.message.starts_with(options.model)) e.message.insert(0, options.model + ": ");
    return e;
  };
  auto model = open_packed(options.model);
  if (!model) return std::move(model).error();
  if (model->output() != output_kind::classes)
    return in_model({errc::unsupported, "the model has no classes: it computes " + output_text(*model) +
                                            " (mobilenet embed --layer " +
                                            std::string(model->nodes().back().activation_name()) + " prints them)"});
  auto queue = image_queue::open(options.images);
  if (!queue) return std::move(queue).error();
  auto pool = pool_for<B>(*queue, *model, options.threads);
  if (!pool) return in_model(std::move(pool).error());

  return for_each_image(
      *queue, *pool,
      [&](classifier<B>& classifier, const queued_image& image) { return classify_one(classifier, image, options); },
      [&](const queued_image& image, const result<answer>& given) {
        if (options.json) return json_line(image.path, given);
        return given ? text_lines(image.path, *given) : std::string();
      });
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
