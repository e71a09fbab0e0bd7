// The whole chain in one object: pixels in, class names out.
#pragma once

#include <mobilenet/image/view.hpp>
#include <mobilenet/labels.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/network.hpp>
#include <mobilenet/preprocess.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// Everything a classifier can be told.
struct classifier_options {
  open_options open = {};  // with an initializer, or -Wextra warns whoever writes only {.run = ...}
  run_options run = {};
};

/// Classifies images with one packed model on back end B. Owns mapping, layers and buffers in this order, so
/// the language destroys them in the right one: there is nothing to release and nothing to forget.
/// Move-only; one classifier per thread (share(model) lets several threads use one model's memory).
///
///   auto classifier = mobilenet::classifier<mobilenet::reference>::open("model.mnet").value();
///   for (const auto& [index, name, probability] : classifier.classify(image).value()) ...
template <backend B>
class classifier {
 public:
  /// errors   those of packed_model::open and network::prepare
  static result<classifier> open(const std::string& path, const classifier_options& options = {}) {
    return create(packed_model::open(path, options.open), options);
  }

  /// Uses the bytes of a packed model in place; they must outlive the classifier.
  /// errors   those of packed_model::from_bytes and network::prepare
  static result<classifier> from_bytes(std::span<const std::byte> bytes, const classifier_options& options = {}) {
    return create(packed_model::from_bytes(bytes, options.open), options);
  }

  /// Uses a model that others use too; it must outlive the classifier.
  /// errors   those of network::prepare
  static result<classifier> share(const packed_model& model, const classifier_options& options = {}) {
    return create(model.borrow(), options);
  }
  /// The same with a model that is handed over.
  static result<classifier> share(packed_model&& model, const classifier_options& options = {}) {
    return create(std::move(model), options);
  }

  /// The k most probable classes of an image, most probable first.
  /// errors   invalid_argument (image); unsupported: the model ends in features and has no classes
  result<std::vector<prediction>> classify(const image_view& image, std::size_t k = 3) {
    if (model_.output() != output_kind::classes)
      return error{errc::unsupported,
                   "the model has no classes: it ends in " + to_string(model_.output_shape()) + " features"};
    auto output = run(image);
    if (!output) return std::move(output).error();
    return top_k(model_, *output, k);
  }

  /// The network's whole output for an image: for a model with a background class that one first, see
  /// packed_model::first_class(). Valid until the next call. Allocates nothing for a second image of one size.
  /// errors   invalid_argument (image)
  result<std::span<const float>> run(const image_view& image) {
    if (auto done = preprocess(image); !done) return std::move(done).error();
    return network_.run();
  }

  /// What the network has made of an image before it is sorted into classes, by which images can be compared: the
  /// activation of packed_model::embedding_layer(), for MobileNet v1 1.0 1024 numbers. Valid until the next call.
  /// For any other layer's activation, share() the model that packed_model::until() gives.
  /// errors   invalid_argument (image); unsupported: the model has no pooling before its class scores
  result<std::span<const float>> embedding(const image_view& image) {
    if (!model_.embedding_layer())
      return error{errc::unsupported, "the model has no pooling layer whose activation could be an embedding"};
    if (auto done = preprocess(image); !done) return std::move(done).error();
    return network_.run_embedding();
  }

  /// Only the first half of run(): fills the network's input.
  /// errors   invalid_argument (image)
  result<void> preprocess(const image_view& image) { return preprocessor_(image, network_.input()); }

  const packed_model& model() const noexcept { return model_; }
  mobilenet::network<B>& network() noexcept { return network_; }

 private:
  classifier(packed_model&& model, mobilenet::network<B>&& prepared)
      : model_(std::move(model)), network_(std::move(prepared)), preprocessor_(model_.preprocessing()) {}

  static result<classifier> create(result<packed_model> model, const classifier_options& options) {
    if (!model) return std::move(model).error();
    auto prepared = mobilenet::network<B>::prepare(*model, options.run);
    if (!prepared) return std::move(prepared).error();
    return classifier(*std::move(model), *std::move(prepared));
  }

  packed_model model_;
  mobilenet::network<B> network_;
  preprocessor preprocessor_;
};

MOBILENET_NAMESPACE_END
