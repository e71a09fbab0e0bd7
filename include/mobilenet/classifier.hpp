// The whole chain in one object: pixels in, class names out.
#pragma once

#include <mobilenet/image/view.hpp>
#include <mobilenet/labels.hpp>
#include <mobilenet/model/open.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/network.hpp>
#include <mobilenet/node.hpp>
#include <mobilenet/preprocess.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// The options of a classifier.
struct classifier_options {
  open_options open = {};  // with an initializer, or -Wextra warns about {.run = ...} alone
  run_options run = {};
  /// The value that run() computes instead of the model's output: packed_model::activation_of("conv_pw_11_relu").
  std::optional<value_id> value = {};
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
  /// errors   those of open_model and network::prepare
  static result<classifier> open(const std::string& path, const classifier_options& options = {}) {
    return create(open_model(path, options.open), options);
  }

  /// Uses the bytes of a packed model in place; they must outlive the classifier.
  /// errors   those of packed_model::from_bytes and network::prepare
  static result<classifier> from_bytes(std::span<const std::byte> bytes, const classifier_options& options = {}) {
    return create(model_from_bytes(bytes, options.open), options);
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
  /// errors   invalid_argument (image); unsupported: the model computes features or values, or run() computes
  ///          another value
  result<std::vector<prediction>> classify(const image_view& image, std::size_t k = 3) {
    if (model_.output() != output_kind::classes)
      return error{errc::unsupported, "the model has no classes: it computes " + to_string(network_.value_type(0)) +
                                          " " + std::string(to_string(model_.output()))};
    if (!computes_output_)
      return error{errc::unsupported, "the classifier computes another value than the classes: see its options"};
    auto output = run(image);
    if (!output) return std::move(output).error();
    return top_k(model_, *output, k);
  }

  /// The network's whole output for an image, a background class first if the model has one (see
  /// packed_model::class_offset()); or the value that the options name, NHWC. Valid until the next call. Allocates
  /// nothing for a second image of one size.
  /// errors   invalid_argument (image)
  result<std::span<const float>> run(const image_view& image) {
    if (auto done = preprocess(image); !done) return std::move(done).error();
    return network_.run_for(0);
  }

  /// What the network computes from an image before the class scores, by which images can be compared: the value
  /// packed_model::embedding_value(), 1024 numbers for MobileNet v1 1.0 and 1280 for v2 1.0. The class scores are not
  /// computed. Valid until the next call.
  /// errors   invalid_argument (image); unsupported: the model has no pooling before its class scores, or run()
  ///          computes another value
  result<std::span<const float>> embedding(const image_view& image) {
    if (!model_.embedding_value() || !computes_output_)
      return error{errc::unsupported, "the model has no pooling layer whose activation could be an embedding"};
    if (auto done = preprocess(image); !done) return std::move(done).error();
    return network_.run_for(network_.values() - 1);
  }

  /// Only the first half of run(): fills the network's input.
  /// errors   invalid_argument (image)
  result<void> preprocess(const image_view& image) { return preprocessor_(image, network_.input()); }

  const packed_model& model() const noexcept { return model_; }
  mobilenet::network<B>& network() noexcept { return network_; }

 private:
  classifier(packed_model&& model, mobilenet::network<B>&& prepared, bool computes_output)
      : model_(std::move(model)),
        network_(std::move(prepared)),
        preprocessor_(model_.preprocessing()),
        computes_output_(computes_output) {}

  static result<classifier> create(result<packed_model> model, const classifier_options& options) {
    if (!model) return std::move(model).error();
    if (options.value && *options.value > model->output_value())
      return error{errc::invalid_argument, "classifier: value is " + std::to_string(*options.value) +
                                               ", expected at most " + std::to_string(model->output_value())};
    std::vector<value_id> wanted{options.value.value_or(model->output_value())};
    if (const auto embedding = model->embedding_value(); embedding && !options.value) wanted.push_back(*embedding);
    auto prepared = mobilenet::network<B>::prepare(*model, options.run, wanted);
    if (!prepared) return std::move(prepared).error();
    return classifier(*std::move(model), *std::move(prepared), !options.value);
  }

  packed_model model_;
  mobilenet::network<B> network_;
  preprocessor preprocessor_;
  bool computes_output_;
};

MOBILENET_NAMESPACE_END
