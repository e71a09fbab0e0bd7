// The loop of the commands that work on images: any number of them, on all threads, answers in order.
#pragma once

#include "cli/image_queue.hpp"
#include "cli/ordered_output.hpp"
#include "cli/progress_bar.hpp"

#include <mobilenet/classifier_pool.hpp>
#include <mobilenet/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

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

namespace detail {

/// Calls action(), which may run out of memory: a pool lets no exception through.
template <class Action>
bool succeeds(Action action) noexcept {
  try {
    action();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace detail

/// Calls compute(classifier, image), which returns a result<...>, for every image, on the pool's threads. What
/// format(image, result) makes of it is written to standard output, and an error to standard error too: in the order of
/// the images, each as soon as those before it are written.
/// returns   whether every image has an answer
/// errors    those of image_queue::next(); io_error: standard output cannot be written; out_of_memory: not even for an
///           error in an image's place
template <backend B, class Compute, class Format>
result<bool> for_each_image(image_queue& queue, classifier_pool<B>& pool, Compute compute, Format format) {
  constexpr std::size_t images_per_thread = 64;  // before all threads wait for the slowest
  using outcome = std::invoke_result_t<Compute&, classifier<B>&, const queued_image&>;
  const outcome no_memory = error{errc::out_of_memory, "no memory for this image"};
  const std::thread::id writer = std::this_thread::get_id();
  if (std::fflush(stdout) != 0)
    return error{errc::io_error, std::string("standard output: cannot write: ") + std::strerror(errno)};

  progress_bar progress(queue.total());
  bool all_answered = true;
  for (std::size_t images_before = 0;;) {
    const auto images = queue.next(images_per_thread * pool.classifiers());
    if (!images) return images.error();
    if (images->empty()) return all_answered;

    ordered_output output(*images, progress);
    const auto finish_with = [&](std::size_t i, const outcome& given) {
      output.finish(i, {format((*images)[i], given), given ? std::string() : given.error().message});
    };
    pool.for_each(images->size(), [&](std::size_t i, classifier<B>& one) {
      const queued_image& image = (*images)[i];
      const bool writes = std::this_thread::get_id() == writer;
      if (writes) detail::succeeds([&] { progress.show(images_before + output.finished(), image.path); });

      const bool answered = detail::succeeds([&] { finish_with(i, compute(one, image)); }) ||
                            detail::succeeds([&] { finish_with(i, no_memory); });
      if (!answered) output.finish_without_memory(i);

      if (writes) detail::succeeds([&] { output.write(); });
    });
    output.write();
    if (auto written = output.status(); !written) return std::move(written).error();
    all_answered = all_answered && output.all_answered();
    images_before += images->size();
  }
}

}  // namespace mobilenet::tools
