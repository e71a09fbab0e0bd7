#include "handler.hpp"

#include "decode.hpp"
#include "json.hpp"

#include <mobilenet/classifier.hpp>
#include <mobilenet/version.hpp>
#if __has_include(<mobilenet/backends/simd.hpp>)
#include <mobilenet/backends/simd.hpp>
#else
#include <mobilenet/backends/reference.hpp>
#endif

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace serverless {

#if __has_include(<mobilenet/backends/simd.hpp>)
using handler_backend = mobilenet::simd;
#else
using handler_backend = mobilenet::reference;
#endif

namespace {

// The folder is not the working directory: ActionLoop starts the executable from elsewhere.
std::string beside_executable(const char* name) {
  std::array<char, 4096> path{};
  const ::ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
  if (n <= 0) return name;
  const std::string_view executable(path.data(), static_cast<std::size_t>(n));
  return std::string(executable.substr(0, executable.rfind('/') + 1)) + name;
}

std::string model_path(const settings& s) {
  if (!s.model.empty()) return s.model;
  if (const char* root = std::getenv("LAMBDA_TASK_ROOT")) {
    std::string path = std::string(root) + "/model.mnet";
    if (::access(path.c_str(), R_OK) == 0) return path;
  }
  return beside_executable("model.mnet");
}

failure from_library(const mobilenet::error& e) {
  switch (e.code) {
    case mobilenet::errc::unsupported: return {kind::not_an_image, e.message};
    case mobilenet::errc::invalid_image: return {kind::invalid_image, e.message};
    case mobilenet::errc::image_too_large: return {kind::image_too_large, e.message};
    case mobilenet::errc::out_of_memory: return {kind::out_of_memory, e.message};
    default: return {kind::internal, e.message};
  }
}

class stopwatch {
 public:
  clock::duration lap() {
    const clock::time_point now = clock::now();
    return now - std::exchange(start_, now);
  }

 private:
  clock::time_point start_ = clock::now();
};

/// The time of each stage; empty where it did not take place.
class stage_times {
 public:
  std::optional<clock::duration>& operator[](stage s) { return times_[static_cast<std::size_t>(s)]; }

  template <class Function>
  void for_each(const Function& function) const {
    for (std::size_t i = 0; i < times_.size(); ++i)
      if (times_[i]) function(stage_names[i], decimal(milliseconds(*times_[i])));
  }

 private:
  std::array<std::optional<clock::duration>, stage_names.size()> times_{};
};

void log_stages(const stage_times& took) {
  const std::size_t resident = resident_bytes(::getpid());
  if (current_log_format() == log_format::json) {
    std::vector<log_field> fields;
    took.for_each([&](std::string_view name, const std::string& digits) { fields.push_back({name, digits}); });
    fields.push_back({"residentBytes", std::to_string(resident)});
    return log_line("classified", fields.data(), fields.size());
  }
  std::string lines;
  took.for_each([&](std::string_view name, const std::string& digits) {
    lines.append(name).append(": ").append(digits).append("ms\n");
  });
  log_line(lines + "memory used: rss=" + decimal(static_cast<double>(resident) / (1024 * 1024), 2) + "MB");
}

std::string to_json(std::span<const mobilenet::prediction> best, const stage_times& took) {
  json_buffer buffer;
  json_writer json(buffer);
  const auto key = [&](std::string_view name) { json.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); };
  const auto number = [&](const std::string& digits) {
    json.RawValue(digits.data(), digits.size(), rapidjson::kNumberType);
  };
  json.StartObject();
  key("results");
  json.StartArray();
  for (const mobilenet::prediction& p : best) {
    json.StartObject();
    key("className");
    json.String(p.class_name.data(), static_cast<rapidjson::SizeType>(p.class_name.size()));
    key("probability");
    char digits[32];  // nine digits identify a float32
    const int n = std::snprintf(digits, sizeof digits, "%.9g", static_cast<double>(p.probability));
    number({digits, static_cast<std::size_t>(n)});
    key("classIndex");
    json.Uint(p.class_index);
    json.EndObject();
  }
  json.EndArray();
  key("timings");
  json.StartObject();
  took.for_each([&](std::string_view name, const std::string& milliseconds) {
    key(name);
    number(milliseconds);
  });
  json.EndObject();
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

struct handler::model {
  mobilenet::classifier<handler_backend> classifier;
  clock::duration loading;
  bool cold = true;  // until the first answer
};

handler::handler(const settings& s, metrics counters) : settings_(s), metrics_(std::move(counters)) {}
handler::~handler() = default;

outcome<void> handler::load() {
  if (model_) return {};
  stopwatch watch;
  mobilenet::classifier_options options;
  options.run.threads = settings_.threads;
  using classifier = mobilenet::classifier<handler_backend>;
  const auto embedded = embedded_model();
  auto opened = settings_.model.empty() && !embedded.empty() ? classifier::from_bytes(embedded, options)
                                                             : classifier::open(model_path(settings_), options);
  if (!opened) return failure{kind::unavailable, "model: " + opened.error().message};
  if (opened->model().output() != mobilenet::output_kind::classes)
    return failure{kind::unavailable, "model: ends in features, expected classes"};
  const clock::duration took = watch.lap();
  model_ = std::make_unique<model>(model{*std::move(opened), took});
  metrics_.observe(stage::load_model, took);
  return {};
}

outcome<std::string> handler::classify(const image_request& request) {
  if (auto loaded = load(); !loaded) return loaded.error();
  if (request.image.empty())
    return failure{kind::missing_image, "image: found 0 bytes, expected a JPEG, PNG or BMP file"};

  stage_times took{};
  stopwatch watch;
  auto image =
      decode(request.image, {.max_pixels = settings_.max_pixels, .apply_exif_orientation = settings_.exif_orientation});
  if (!image) return from_library(image.error());
  took[stage::decode_image] = watch.lap();

  auto& classifier = model_->classifier;
  if (auto done = classifier.preprocess(*image); !done) return from_library(done.error());
  took[stage::image_to_input] = watch.lap();

  const auto output = classifier.network().run();
  const auto best = mobilenet::top_k(classifier.model(), output, request.top);
  took[stage::classify] = watch.lap();

  if (std::exchange(model_->cold, false)) took[stage::load_model] = model_->loading;
  took[stage::main] = clock::now() - request.received;
  for (const stage each : {stage::decode_image, stage::image_to_input, stage::classify, stage::main})
    metrics_.observe(each, *took[each]);
  if (!settings_.quiet) log_stages(took);
  return to_json(best, took);
}

std::string handler::build_labels() {
  return "version=\"" + std::to_string(MOBILENET_VERSION_MAJOR) + '.' + std::to_string(MOBILENET_VERSION_MINOR) + '.' +
         std::to_string(MOBILENET_VERSION_PATCH) + "\",backend=\"" + std::string(handler_backend::name) +
         "\",jpeg_decoder=\"" + std::string(jpeg_decoder()) + "\"";
}

}  // namespace serverless
