// What /metrics reports: counters, gauges and histograms in the Prometheus text format.
#pragma once

#include "failure.hpp"
#include "log.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace serverless {

/// The steps of a classification, in the words of the JavaScript action that this one replaces.
enum class stage : unsigned char { decode_image, image_to_input, load_model, classify, main };
inline constexpr std::array<std::string_view, 5> stage_names{"decodeImage", "imageToInput", "loadModel", "classify",
                                                             "main"};

/// Seconds.
inline constexpr std::array<double, 16> histogram_bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                         0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

/// The numbers of several processes, each with a slot of its own in memory that all of them share: a scrape reaches one
/// process and reports all. Copies refer to the same numbers.
class metrics {
 public:
  /// Maps memory that children inherit. processes: how many slots. Without memory, nothing is counted.
  explicit metrics(unsigned processes = 1);

  /// Which slot this process writes; call it after fork(). Clears the gauges that a crashed predecessor left.
  void use_slot(unsigned index);

  void count_request();
  void count_error(kind what);
  void observe(stage s, clock::duration took);
  void observe_request(clock::duration took);
  void set_in_flight(std::size_t requests);

  /// The text format, version 0.0.4. build: labels of mobilenet_build_info, as name="value",…
  std::string exposition(std::string_view build) const;

 private:
  using number = std::atomic<std::uint64_t>;  // one writer, any reader: relaxed accesses suffice
  struct histogram {
    std::array<number, histogram_bounds.size() + 1> buckets{};  // the last one: more than every bound
    number nanoseconds{};
    void observe(clock::duration took);
  };
  struct slot {
    number process{};
    number requests{};
    number in_flight{};
    std::array<number, kinds.size()> errors{};
    std::array<histogram, stage_names.size()> stages{};
    histogram whole{};
  };

  /// of: a slot's histogram
  template <class Of>
  void append_histogram(std::string& text, std::string_view name, const std::string& label, const Of& of) const;

  std::shared_ptr<slot[]> slots_;
  unsigned count_ = 0;
  slot* own_ = nullptr;
};

}  // namespace serverless
