// What /metrics tells: counters and histograms in the Prometheus text format. Used from one thread.
#pragma once

#include "failure.hpp"
#include "log.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace serverless {

/// The steps of a classification, in the words of the JavaScript action that this one replaces.
enum class stage : unsigned char { decode_image, image_to_input, load_model, classify, main };
inline constexpr std::array<std::string_view, 5> stage_names{"decodeImage", "imageToInput", "loadModel", "classify",
                                                             "main"};

class metrics {
 public:
  void count_request() { ++requests_; }
  void count_error(kind what) { ++errors_[static_cast<std::size_t>(what)]; }

  void observe(stage s, clock::duration took) {
    histogram& h = stages_[static_cast<std::size_t>(s)];
    const double seconds = std::chrono::duration<double>(took).count();
    std::size_t i = 0;
    while (i < bounds.size() && seconds > bounds[i]) ++i;
    ++h.buckets[i];
    h.sum += seconds;
  }

  /// The text format, version 0.0.4.
  std::string exposition() const {
    std::string text;
    const auto family = [&](std::string_view name, std::string_view type, std::string_view help) {
      text.append("# HELP ").append(name).append(" ").append(help);
      text.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
    };
    family("mobilenet_requests_total", "counter", "Classification requests, failed ones included.");
    text += "mobilenet_requests_total " + std::to_string(requests_) + '\n';
    family("mobilenet_errors_total", "counter", "Failed requests of any path, by kind.");
    for (std::size_t i = 0; i < errors_.size(); ++i)
      text +=
          "mobilenet_errors_total{kind=\"" + std::string(kinds[i].name) + "\"} " + std::to_string(errors_[i]) + '\n';
    family("mobilenet_stage_seconds", "histogram", "Time of each stage of a classification.");
    for (std::size_t i = 0; i < stages_.size(); ++i) append_histogram(text, stage_names[i], stages_[i]);
    family("process_resident_memory_bytes", "gauge",
           "Resident memory size in bytes, pages shared with others included.");
    text += "process_resident_memory_bytes " + std::to_string(resident_bytes()) + '\n';
    return text;
  }

 private:
  static constexpr std::array<double, 14> bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                 0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5};
  struct histogram {
    std::array<std::uint64_t, bounds.size() + 1> buckets{};  // the last one: more than every bound
    double sum = 0;
  };

  static void append_histogram(std::string& text, std::string_view name, const histogram& h) {
    const std::string label = "{stage=\"" + std::string(name) + "\"";
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= bounds.size(); ++i) {
      count += h.buckets[i];
      char bound[24] = "+Inf";
      if (i < bounds.size()) std::snprintf(bound, sizeof bound, "%g", bounds[i]);
      text += "mobilenet_stage_seconds_bucket" + label + ",le=\"" + bound + "\"} " + std::to_string(count) + '\n';
    }
    text += "mobilenet_stage_seconds_sum" + label + "} " + decimal(h.sum, 6) + '\n';
    text += "mobilenet_stage_seconds_count" + label + "} " + std::to_string(count) + '\n';
  }

  std::uint64_t requests_ = 0;
  std::array<std::uint64_t, kinds.size()> errors_{};
  std::array<histogram, stage_names.size()> stages_{};
};

}  // namespace serverless
