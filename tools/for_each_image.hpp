// The loop of the commands that work on images: any number of them, on all threads, answers in order.
#pragma once

#include "image_queue.hpp"
#include "progress_bar.hpp"
#include "text.hpp"

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
#include <string>
#include <thread>
#include <vector>

namespace mobilenet::tools {

/// What became of one image.
struct image_output {
  std::string out;    ///< for standard output
  std::string error;  ///< for standard error; empty where nothing went wrong
};

/// A pool for a queue's images: each takes one thread, unless there are fewer images than threads.
///
/// threads   in all; 0: as many as the process may use
template <backend B>
result<classifier_pool<B>> pool_for(const image_queue& queue, const packed_model& model, unsigned threads) {
  if (threads == 0) threads = usable_processors();
  const std::size_t images = std::max<std::size_t>(1, queue.total().value_or(threads));
  const auto classifiers = static_cast<unsigned>(std::min<std::size_t>(threads, images));
  return classifier_pool<B>::share(model,
                                   {.open = {}, .classifiers = classifiers, .run = {.threads = threads / classifiers}});
}

/// Calls answer(classifier, image), which gives an image_output, for every image, on the pool's threads; writes the
/// outputs in the order of the images, each as soon as those before it are there.
/// returns   whether nothing went wrong with any image
/// errors    those of image_queue::next(); io_error: standard output cannot be written
template <backend B, class Answer>
result<bool> for_each_image(image_queue& queue, classifier_pool<B>& pool, Answer answer) {
  constexpr std::size_t images_a_thread = 64;  // before all threads wait for the slowest
  const bool shares_terminal = ::isatty(STDOUT_FILENO) == 1;
  const std::thread::id writer = std::this_thread::get_id();
  progress_bar progress(queue.total());
  bool all = true;
  for (std::size_t before = 0;;) {
    const auto images = queue.next(images_a_thread * pool.classifiers());
    if (!images) return images.error();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      return error{errc::io_error, std::string("standard output: cannot write: ") + std::strerror(errno)};
    if (images->empty()) return all;

    std::vector<image_output> outputs(images->size());
    std::vector<std::atomic<bool>> finished(images->size());
    std::atomic<std::size_t> count = 0;
    std::size_t written = 0;
    const auto write_finished = [&] {
      const std::size_t first = written;
      for (; written < outputs.size() && finished[written].load(std::memory_order_acquire); ++written) {
        image_output& output = outputs[written];
        if (!output.error.empty()) {
          all = false;
          progress.clear();
          std::fprintf(stderr, "mobilenet: %s: %s\n", printable((*images)[written].path).c_str(),
                       printable(output.error).c_str());
        }
        if (shares_terminal) progress.clear();
        std::fwrite(output.out.data(), 1, output.out.size(), stdout);
        output = {};
      }
      if (written != first) std::fflush(stdout);  // whoever waits for an answer need not wait for a full buffer
    };
    pool.for_each(images->size(), [&](std::size_t i, classifier<B>& one) {
      const queued_image& image = (*images)[i];
      if (std::this_thread::get_id() == writer) progress.show(before + count, image.path);
      try {
        outputs[i] = answer(one, image);
      } catch (const std::exception& e) {  // no memory
        outputs[i] = {{}, e.what()};
      }
      finished[i].store(true, std::memory_order_release);
      ++count;
      if (std::this_thread::get_id() == writer) write_finished();
    });
    write_finished();
    before += images->size();
  }
}

}  // namespace mobilenet::tools
