// Many images: a classifier for each thread, all of them over one model.
#pragma once

#include <mobilenet/classifier.hpp>
#include <mobilenet/platform/threads.hpp>

#include <cstddef>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// The options of a classifier_pool.
struct classifier_pool_options {
  open_options open = {};
  unsigned classifiers = 0;            ///< images at a time, each on a thread of its own; 0 means usable_processors()
  run_options run = {};                ///< of each classifier; more than one thread helps only if images are few
  std::optional<value_id> value = {};  ///< see classifier_options
};

/// Classifies many images, several at a time. Each is computed whole by one classifier on one thread, so no thread
/// waits for another inside an image, and every answer equals classifier::classify()'s bit for bit. All classifiers use
/// the one model's weights in place (but those of a back end that rearranges weights have a copy each). Move-only; used
/// by one thread at a time.
///
///   auto pool = mobilenet::classifier_pool<mobilenet::simd>::open("model.mnet").value();
///   for (const auto& answer : pool.classify(images)) ...
template <backend B>
class classifier_pool {
 public:
  /// errors   those of open_model, network::prepare and thread_pool::create
  static result<classifier_pool> open(const std::string& path, const classifier_pool_options& options = {}) {
    return create(open_model(path, options.open), options);
  }

  /// Uses the bytes of a packed model in place; they must outlive the pool.
  /// errors   those of packed_model::from_bytes, network::prepare and thread_pool::create
  static result<classifier_pool> from_bytes(std::span<const std::byte> bytes,
                                            const classifier_pool_options& options = {}) {
    return create(model_from_bytes(bytes, options.open), options);
  }

  /// Uses a model that others use too; it must outlive the pool.
  /// errors   those of network::prepare and thread_pool::create
  static result<classifier_pool> share(const packed_model& model, const classifier_pool_options& options = {}) {
    return create(model.borrow(), options);
  }
  /// The same with a model that is handed over.
  static result<classifier_pool> share(packed_model&& model, const classifier_pool_options& options = {}) {
    return create(std::move(model), options);
  }

  /// Classifies each image; answers stand in the order of the images.
  /// errors   of each image, those of classifier::classify(); out_of_memory
  std::vector<result<std::vector<prediction>>> classify(std::span<const image_view> images, std::size_t k = 3) {
    std::vector<result<std::vector<prediction>>> answers(images.size(), std::vector<prediction>());
    for_each(images.size(), [&](std::size_t i, classifier<B>& one) {
#if MOBILENET_EXCEPTIONS
      try {
        answers[i] = one.classify(images[i], k);
      } catch (const std::bad_alloc&) {
        answers[i] = error{errc::out_of_memory, "no memory"};  // short: in the string itself
      }
#else
      answers[i] = one.classify(images[i], k);
#endif
    });
    return answers;
  }

  /// Calls f(i, classifier) once for every i in [0, count), in no particular order, on all threads, the caller's among
  /// them, and returns when all calls have: for images that are to be decoded on those threads too, or embedded. No two
  /// calls with one classifier overlap. f must not throw.
  template <class F>
  void for_each(std::size_t count, F&& f) noexcept {
    threads_.for_each(count, [&](std::size_t i, unsigned worker) { f(i, classifiers_[worker]); });
  }

  /// Images at a time.
  std::size_t classifiers() const noexcept { return classifiers_.size(); }
  const packed_model& model() const noexcept { return model_; }

 private:
  classifier_pool(packed_model&& model, thread_pool&& threads)
      : model_(std::move(model)), threads_(std::move(threads)) {}

  static result<classifier_pool> create(result<packed_model> model, const classifier_pool_options& options) {
    if (!model) return std::move(model).error();
    auto threads = thread_pool::create(options.classifiers);
    if (!threads) return std::move(threads).error();
    classifier_pool made(*std::move(model), *std::move(threads));
    made.classifiers_.reserve(made.threads_.threads());
    while (made.classifiers_.size() < made.threads_.threads()) {
      auto one = classifier<B>::share(made.model_, {.open = {}, .run = options.run, .value = options.value});
      if (!one) return std::move(one).error();
      made.classifiers_.push_back(*std::move(one));
    }
    return made;
  }

  packed_model model_;
  std::vector<classifier<B>> classifiers_;  // one for each thread
  thread_pool threads_;
};

MOBILENET_NAMESPACE_END
