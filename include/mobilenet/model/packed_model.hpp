// A packed model: views into its bytes.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/model/format.hpp>
#include <mobilenet/model/parse.hpp>
#include <mobilenet/node.hpp>
#include <mobilenet/preprocess.hpp>
#include <mobilenet/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

MOBILENET_NAMESPACE_BEGIN

/// A validated packed model: read-only, and shared freely between threads. It owns its bytes if open_model() made it,
/// and otherwise refers to the caller's, which must outlive it. Views that it returns point into those bytes and stay
/// valid when the packed_model is moved. Move-only.
class packed_model {
 public:
  /// Owns whatever keeps the bytes of a model in memory: a mapping, a buffer.
  using owner = std::unique_ptr<void, void (*)(void*)>;

  packed_model() = default;

  /// Uses the bytes in place: an embedded array, a shared memory segment, a received buffer.
  /// bytes    aligned for float (4); 64 lets the kernels read whole cache lines
  /// errors   those of parse()
  static result<packed_model> from_bytes(std::span<const std::byte> bytes) {
    return from_bytes(bytes, owner(nullptr, [](void*) {}));
  }
  /// The same, and takes over what keeps the bytes in memory.
  static result<packed_model> from_bytes(std::span<const std::byte> bytes, owner keeps) {
    auto parsed = parse(bytes);
    if (!parsed) return std::move(parsed).error();
    packed_model model;
    model.owner_ = std::move(keeps);
    model.bytes_ = bytes;
    model.parsed_ = *std::move(parsed);
    return model;
  }

  /// A packed_model over the same bytes that does not own them; this one must outlive it.
  packed_model borrow() const&& = delete;
  packed_model borrow() const& {
    packed_model other;
    other.bytes_ = bytes_;
    other.parsed_ = parsed_;
    return other;
  }

  /// In the order of execution; node i computes value i + 1.
  std::span<const node> nodes() const noexcept { return parsed_.nodes; }
  const tensor_type& input_type() const noexcept { return parsed_.input; }
  tensor_type output_type() const noexcept { return value_type(output_value()); }

  /// The value that is the model's output.
  value_id output_value() const noexcept { return static_cast<value_id>(parsed_.nodes.size()); }
  tensor_type value_type(value_id value) const noexcept {
    return value == network_input ? parsed_.input : layers::output_type(parsed_.nodes[value - 1].layer);
  }

  /// The value that is an image's embedding: the output of a model that ends in features, otherwise the pooling that
  /// the class scores are computed from. Empty if the model has no pooling.
  std::optional<value_id> embedding_value() const noexcept {
    if (output() == output_kind::features) return output_value();
    for (std::size_t i = parsed_.nodes.size(); i-- > 0;)
      if (std::holds_alternative<layers::global_average_pool>(parsed_.nodes[i].layer) ||
          std::holds_alternative<layers::global_max_pool>(parsed_.nodes[i].layer))
        return static_cast<value_id>(i + 1);
    return std::nullopt;
  }

  /// The value that is the activation of a layer, by its tfjs name: "conv_pw_11_relu".
  /// errors   invalid_argument: the model has no such layer; unsupported: the layer has no activation, because it was
  ///          folded into those around it
  result<value_id> activation_of(std::string_view tfjs_layer) const {
    const node* folded_into = nullptr;
    for (std::size_t i = 0; i < parsed_.nodes.size(); ++i) {
      std::string_view rest = parsed_.nodes[i].names;
      for (std::uint32_t place = 0; !rest.empty(); ++place) {
        const std::string_view name = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(name.size() + 1, rest.size()));
        if (name != tfjs_layer) continue;
        if (place >= parsed_.nodes[i].folded_names) return static_cast<value_id>(i + 1);
        folded_into = &parsed_.nodes[i];
      }
    }
    if (folded_into != nullptr)
      return error{errc::unsupported, "layer '" + std::string(tfjs_layer) + "' has no activation of its own: it was " +
                                          "folded into the one that ends with '" +
                                          std::string(folded_into->activation_name()) + "'"};
    return error{errc::invalid_argument, "the model has no layer '" + std::string(tfjs_layer) + "'"};
  }

  const mobilenet::preprocessing& preprocessing() const noexcept { return parsed_.preprocessing; }
  output_kind output() const noexcept { return parsed_.output; }

  /// Index of the first output that is a class: 1 if output 0 is "background", else 0.
  std::uint32_t class_offset() const noexcept { return parsed_.class_offset; }

  /// Number of classes that can be ranked; 0 for a model that ends in features.
  std::uint32_t class_count() const noexcept {
    return output() == output_kind::classes ? output_type().channels - class_offset() : 0;
  }

  /// Number of class names: class_count(), or 0 for a model without labels.
  std::uint32_t label_count() const noexcept {
    const auto bytes = section_bytes(format::section_kind::labels);
    return bytes.empty() ? 0 : detail::read_at<std::uint32_t>(bytes, 0);
  }
  /// Name of a class, counted from class_offset(); empty if it has none.
  std::string_view label(std::uint32_t class_index) const noexcept {
    if (class_index >= label_count()) return {};
    const auto bytes = section_bytes(format::section_kind::labels);
    const std::size_t entry = sizeof(std::uint32_t) * (std::size_t{class_index} + 1);
    const auto begin = detail::read_at<std::uint32_t>(bytes, entry);
    const auto end = detail::read_at<std::uint32_t>(bytes, entry + sizeof(std::uint32_t));
    return detail::as_text(bytes.subspan(begin, end - begin));
  }
  std::string_view provenance() const noexcept {
    return detail::as_text(section_bytes(format::section_kind::provenance));
  }

  /// What the reference back end answered at conversion to format::self_test_input.
  std::span<const float> self_test_output() const noexcept {
    const auto bytes = section_bytes(format::section_kind::self_test);
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
  }

  /// Compares every section with its checksum; reads the whole file.
  /// errors   checksum_mismatch: names the section
  result<void> verify_checksums() const { return mobilenet::verify_checksums(bytes_, parsed_); }

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::span<const format::section> sections() const noexcept { return parsed_.sections; }
  std::span<const std::byte> section_bytes(format::section_kind kind) const noexcept {
    const format::section& s = parsed_.sections[static_cast<std::size_t>(kind) - 1];
    return bytes_.subspan(static_cast<std::size_t>(s.offset), static_cast<std::size_t>(s.length));
  }

 private:
  owner owner_{nullptr, [](void*) {}};
  std::span<const std::byte> bytes_;
  parsed_model parsed_;
};

MOBILENET_NAMESPACE_END
