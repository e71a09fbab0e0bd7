#include "handler.hpp"

#include "json.hpp"

#include <mobilenet/classifier.hpp>
#include <mobilenet/image/decode_image.hpp>
#if __has_include(<mobilenet/backends/simd.hpp>)
#include <mobilenet/backends/simd.hpp>
#else
#include <mobilenet/backends/reference.hpp>
#endif

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <utility>

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

std::string megabytes(std::size_t bytes) { return decimal(static_cast<double>(bytes) / (1024 * 1024), 2) + "MB"; }

}  // namespace

struct handler::model {
  mobilenet::classifier<handler_backend> classifier;
  clock::duration loading;
  bool cold = true;  // until the first answer
};

handler::handler(const settings& s) : settings_(s) {}
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
  std::array<clock::duration, stage_names.size()> took{};
  const auto at = [&](stage s) -> clock::duration& { return took[static_cast<std::size_t>(s)]; };
  stopwatch watch;

  auto image = mobilenet::decode_image(request.image, {.max_pixels = settings_.max_pixels});
  if (!image) return from_library(image.error());
  at(stage::decode_image) = watch.lap();

  auto& classifier = model_->classifier;
  if (auto done = classifier.preprocess(*image); !done) return from_library(done.error());
  at(stage::image_to_input) = watch.lap();

  const auto output = classifier.network().run();
  const auto best = mobilenet::top_k(classifier.model(), output, request.top);
  at(stage::classify) = watch.lap();

  json_buffer buffer;
  json_writer json(buffer);
  const auto number = [&](const std::string& digits) {
    json.RawValue(digits.data(), digits.size(), rapidjson::kNumberType);
  };
  json.StartObject();
  json.Key("results");
  json.StartArray();
  for (const mobilenet::prediction& p : best) {
    json.StartObject();
    json.Key("className");
    json.String(p.class_name.data(), static_cast<rapidjson::SizeType>(p.class_name.size()));
    json.Key("probability");
    char digits[32];  // nine digits give every float32 back exactly
    const int n = std::snprintf(digits, sizeof digits, "%.9g", static_cast<double>(p.probability));
    number({digits, static_cast<std::size_t>(n)});
    json.Key("classIndex");
    json.Uint(p.class_index);
    json.EndObject();
  }
  json.EndArray();
  json.Key("timings");
  json.StartObject();
  const bool cold = std::exchange(model_->cold, false);
  at(stage::load_model) = model_->loading;
  at(stage::main) = clock::now() - request.received;
  std::string log;
  for (std::size_t i = 0; i < stage_names.size(); ++i) {
    const bool loading = static_cast<stage>(i) == stage::load_model;
    if (loading && !cold) continue;
    const std::string digits = decimal(milliseconds(took[i]));
    json.Key(stage_names[i].data(), static_cast<rapidjson::SizeType>(stage_names[i].size()));
    number(digits);
    log.append(stage_names[i]).append(": ").append(digits).append("ms\n");
    if (!loading) metrics_.observe(static_cast<stage>(i), took[i]);
  }
  json.EndObject();
  json.EndObject();
  if (!settings_.quiet) write_all(STDOUT_FILENO, log + "memory used: rss=" + megabytes(resident_bytes()) + '\n');
  return std::string(buffer.GetString(), buffer.GetSize());
}

}  // namespace serverless
