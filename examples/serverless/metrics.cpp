#include "metrics.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <new>

namespace serverless {

namespace {

void increase(std::atomic<std::uint64_t>& number, std::uint64_t by = 1) {
  number.store(number.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

std::uint64_t read(const std::atomic<std::uint64_t>& number) { return number.load(std::memory_order_relaxed); }

}  // namespace

metrics::metrics(unsigned processes) {
  const std::size_t bytes = processes * sizeof(slot);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  auto* first = static_cast<slot*>(memory);
  for (unsigned i = 0; i < processes; ++i) new (first + i) slot;
  slots_ = std::shared_ptr<slot[]>(first, [bytes](slot* mapped) { ::munmap(mapped, bytes); });
  count_ = processes;
  use_slot(0);
}

void metrics::use_slot(unsigned index) {
  if (index >= count_) return;
  own_ = &slots_[index];
  own_->process.store(static_cast<std::uint64_t>(::getpid()), std::memory_order_relaxed);
  own_->in_flight.store(0, std::memory_order_relaxed);
}

void metrics::count_request() {
  if (own_ != nullptr) increase(own_->requests);
}

void metrics::count_error(kind what) {
  if (own_ != nullptr) increase(own_->errors[static_cast<std::size_t>(what)]);
}

void metrics::observe(stage s, clock::duration took) {
  if (own_ != nullptr) own_->stages[static_cast<std::size_t>(s)].observe(took);
}

void metrics::observe_request(clock::duration took) {
  if (own_ != nullptr) own_->whole.observe(took);
}

void metrics::set_in_flight(std::size_t requests) {
  if (own_ != nullptr) own_->in_flight.store(requests, std::memory_order_relaxed);
}

void metrics::histogram::observe(clock::duration took) {
  const double seconds = std::chrono::duration<double>(took).count();
  std::size_t i = 0;
  while (i < histogram_bounds.size() && seconds > histogram_bounds[i]) ++i;
  increase(buckets[i]);
  increase(nanoseconds, static_cast<std::uint64_t>(std::chrono::nanoseconds(took).count()));
}

template <class Of>
void metrics::append_histogram(std::string& text, std::string_view name, const std::string& label, const Of& of) const {
  const auto line = [&](std::string_view suffix, const std::string& labels, const std::string& value) {
    text.append(name).append(suffix);
    if (!labels.empty()) text.append("{").append(labels).append("}");
    text.append(" ").append(value).append("\n");
  };
  std::uint64_t count = 0;
  for (std::size_t b = 0; b <= histogram_bounds.size(); ++b) {
    for (unsigned i = 0; i < count_; ++i) count += read(of(slots_[i]).buckets[b]);
    char bound[24] = "+Inf";
    if (b < histogram_bounds.size()) std::snprintf(bound, sizeof bound, "%g", histogram_bounds[b]);
    line("_bucket", label + (label.empty() ? "le=\"" : ",le=\"") + bound + '"', std::to_string(count));
  }
  std::uint64_t nanoseconds = 0;
  for (unsigned i = 0; i < count_; ++i) nanoseconds += read(of(slots_[i]).nanoseconds);
  line("_sum", label, decimal(static_cast<double>(nanoseconds) / 1e9, 6));
  line("_count", label, std::to_string(count));
}

std::string metrics::exposition(std::string_view build) const {
  std::string text;
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help) {
    text.append("# HELP ").append(name).append(" ").append(help);
    text.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  };
  const auto sum = [&](auto&& member) {
    std::uint64_t total = 0;
    for (unsigned i = 0; i < count_; ++i) total += member(slots_[i]);
    return std::to_string(total);
  };

  family("mobilenet_build_info", "gauge", "Always 1; its labels describe the executable.");
  text.append("mobilenet_build_info{").append(build).append("} 1\n");
  family("mobilenet_requests_total", "counter", "Classification requests, failed ones included.");
  text += "mobilenet_requests_total " + sum([](const slot& s) { return read(s.requests); }) + '\n';
  family("mobilenet_requests_in_flight", "gauge", "Complete requests that wait, are computed or are being answered.");
  text += "mobilenet_requests_in_flight " + sum([](const slot& s) { return read(s.in_flight); }) + '\n';
  family("mobilenet_errors_total", "counter", "Failed requests of any path, by kind.");
  for (std::size_t k = 0; k < kinds.size(); ++k)
    text += "mobilenet_errors_total{kind=\"" + std::string(kinds[k].name) + "\"} " +
            sum([k](const slot& s) { return read(s.errors[k]); }) + '\n';
  family("mobilenet_request_seconds", "histogram",
         "Time from a request's first byte to the last byte of its answer, for requests with a body.");
  append_histogram(text, "mobilenet_request_seconds", {}, [](const slot& s) -> const histogram& { return s.whole; });
  family("mobilenet_stage_seconds", "histogram", "Time of each stage of a classification.");
  for (std::size_t i = 0; i < stage_names.size(); ++i)
    append_histogram(text, "mobilenet_stage_seconds", "stage=\"" + std::string(stage_names[i]) + '"',
                     [i](const slot& s) -> const histogram& { return s.stages[i]; });
  family("process_resident_memory_bytes", "gauge",
         "Resident memory size in bytes, shared pages included; the sum over all workers.");
  text += "process_resident_memory_bytes " +
          sum([](const slot& s) { return std::uint64_t{resident_bytes(static_cast<int>(read(s.process)))}; }) + '\n';
  return text;
}

}  // namespace serverless
