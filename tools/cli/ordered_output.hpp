// Answers that are computed in any order, and written in the order of their images.
#pragma once

#include "cli/image_queue.hpp"
#include "cli/progress_bar.hpp"

#include <mobilenet/error.hpp>

#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// What is written for one image.
struct image_output {
  std::string out;    ///< for standard output
  std::string error;  ///< for standard error; empty if the image has an answer
};

/// The output of one batch of images. finish() may be called by any thread, write() by one at a time.
class ordered_output {
 public:
  /// images, progress   must outlive this
  ordered_output(std::span<const queued_image> images, progress_bar& progress);

  /// Image i has its output, or none because memory ran out.
  void finish(std::size_t i, image_output&& output) noexcept;
  void finish_without_memory(std::size_t i) noexcept;
  std::size_t finished() const noexcept { return finished_count_.load(std::memory_order_relaxed); }

  /// Writes every output whose predecessors are all written, and flushes: a reader need not wait for a full buffer.
  void write();

  /// Whether every image written so far has an answer.
  bool all_answered() const noexcept { return all_answered_; }
  /// errors   io_error: standard output cannot be written; out_of_memory: an image has neither answer nor error
  result<void> status() const;

 private:
  void write_error(std::size_t i);

  std::span<const queued_image> images_;
  progress_bar& progress_;
  bool shares_terminal_;
  std::vector<image_output> outputs_;
  std::vector<std::atomic<bool>> finished_;  // release: publishes outputs_[i] to the thread that writes
  std::atomic<std::size_t> finished_count_ = 0;
  std::atomic<bool> lost_ = false;
  std::size_t written_ = 0;
  bool all_answered_ = true;
  int write_errno_ = 0;  // of the last write to standard output that failed
};

}  // namespace mobilenet::tools
