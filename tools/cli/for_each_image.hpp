// The loop of the commands that work on images: any number of them, on all threads, answers in order.
#pragma once

#include "cli/image_queue.hpp"
#include "cli/progress_bar.hpp"
#include "cli/text.hpp"

#include <mobilenet/classifier_pool.hpp>
#include <mobilenet/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace mobilenet::tools {

/// A pool for a queue's images: each takes one thread, unless there are fewer images than threads.
///
/// threads   in all; 0: as many as the process may use
/// value     that run() computes instead of the model's output
template <backend B>
result<classifier_pool<B>> pool_for(const image_queue& queue, const packed_model& model, unsigned threads,
                                    std::optional<value_id> value = {}) {
  if (threads == 0) threads = usable_processors();
  const std::size_t images = std::max<std::size_t>(1, queue.total().value_or(threads));
  const auto classifiers = static_cast<unsigned>(std::min<std::size_t>(threads, images));
  return classifier_pool<B>::share(
      model, {.open = {}, .classifiers = classifiers, .run = {.threads = threads / classifiers}, .value = value});
}

/// Calls compute(classifier, image), which gives a result<...>, for every image, on the pool's threads. What
/// format(image, result) makes of it goes to standard output, and an error to standard error too: in the order of the
/// images, each as soon as those before it are there.
/// returns   whether nothing went wrong with any image
/// errors    those of image_queue::next(); io_error: standard output cannot be written; out_of_memory: not even for an
///           error in an image's place
template <backend B, class Compute, class Format>
result<bool> for_each_image(image_queue& queue, classifier_pool<B>& pool, Compute compute, Format format) {
  constexpr std::size_t images_a_thread = 64;  // before all threads wait for the slowest
  int write_error = 0;                         // errno of a write to standard output that failed
  const bool shares_terminal = ::isatty(STDOUT_FILENO) == 1;
  const std::thread::id writer = std::this_thread::get_id();
  progress_bar progress(queue.total());
  bool all = true;
  using outcome = std::invoke_result_t<Compute&, classifier<B>&, const queued_image&>;
  const outcome no_memory = error{errc::out_of_memory, "no memory for this image"};
  struct text {
    std::string out;
    std::string error;  // empty where nothing went wrong
  };
  for (std::size_t before = 0;;) {
    if (std::fflush(stdout) != 0) write_error = errno;
    if (write_error != 0)
      return error{errc::io_error, std::string("standard output: cannot write: ") + std::strerror(write_error)};
    const auto images = queue.next(images_a_thread * pool.classifiers());
    if (!images) return images.error();
    if (images->empty()) return all;

    std::vector<text> outputs(images->size());
    std::vector<std::atomic<bool>> finished(images->size());
    std::atomic<std::size_t> count = 0;
    std::atomic<bool> lost = false;  // an image has neither answer nor error
    std::size_t written = 0;
    const auto write_finished = [&] {
      const std::size_t first = written;
      for (; written < outputs.size() && finished[written].load(std::memory_order_acquire); ++written) {
        text& output = outputs[written];
        if (!output.error.empty()) {
          all = false;
          progress.clear();
          const std::string& path = (*images)[written].path;
          std::fprintf(stderr, "mobilenet: %s: %s\n", path.empty() ? "\"\"" : printable(path).c_str(),
                       printable(output.error).c_str());
        }
        if (shares_terminal) progress.clear();
        if (std::fwrite(output.out.data(), 1, output.out.size(), stdout) != output.out.size()) write_error = errno;
        output = {};
      }
      // Whoever waits for an answer need not wait for a full buffer.
      if (written != first && std::fflush(stdout) != 0) write_error = errno;
    };
    const auto unless_no_memory = [](auto action) {  // a pool lets no exception through
      try {
        action();
        return true;
      } catch (const std::exception&) {
        return false;
      }
    };
    pool.for_each(images->size(), [&](std::size_t i, classifier<B>& one) {
      const queued_image& image = (*images)[i];
      const bool writes = std::this_thread::get_id() == writer;
      if (writes) unless_no_memory([&] { progress.show(before + count, image.path); });
      const auto answer_with = [&](const outcome& given) {
        outputs[i].out = format(image, given);
        outputs[i].error = given ? std::string() : given.error().message;
      };
      if (!unless_no_memory([&] { answer_with(compute(one, image)); }) &&
          !unless_no_memory([&] { answer_with(no_memory); }))
        lost = true;
      finished[i].store(true, std::memory_order_release);
      ++count;
      if (writes) unless_no_memory(write_finished);
    });
    write_finished();
    if (lost) return error{errc::out_of_memory, "no memory to write what became of an image"};
    before += images->size();
  }
}

}  // namespace mobilenet::tools
