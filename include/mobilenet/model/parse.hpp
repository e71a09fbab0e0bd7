// Untrusted bytes to the tables of a packed model.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/layers/layer.hpp>
#include <mobilenet/model/crc32c.hpp>
#include <mobilenet/model/format.hpp>
#include <mobilenet/node.hpp>
#include <mobilenet/preprocess.hpp>
#include <mobilenet/tensor.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// What the last node's output is.
enum class output_kind : std::uint32_t {
  features = 0,  ///< an embedding: no classes
  classes = 1,   ///< a probability per class
  values = 2,    ///< whatever the model was trained to tell: coordinates, ages, scores
};

/// "features".
constexpr std::string_view to_string(output_kind kind) noexcept {
  constexpr std::array<std::string_view, 3> names{"features", "classes", "values"};
  return names[static_cast<std::size_t>(kind)];
}

/// The tables of a packed model. Views point into the bytes that were parsed.
struct parsed_model {
  std::array<format::section, format::section_kinds> sections{};
  tensor_type input;
  std::vector<node> nodes;  ///< at least one
  mobilenet::preprocessing preprocessing;
  output_kind output = output_kind::features;
  std::uint32_t class_offset = 0;  ///< outputs before this one are not classes
};

namespace detail {

template <class T>
T read_at(std::span<const std::byte> bytes, std::size_t offset) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string hex(std::uint32_t value) {
  constexpr char digits[] = "0123456789abcdef";
  std::string s = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) s += digits[(value >> shift) & 15];
  return s;
}
inline error corrupt(const std::string& what) { return {errc::corrupt_model, what}; }
inline error corrupt(const std::string& field, std::uint64_t found, const std::string& expected) {
  return corrupt(field + " is " + std::to_string(found) + ", expected " + expected);
}

/// One pass over the bytes of a model. Each read_...() checks one section and needs those before it.
class model_parser {
 public:
  explicit model_parser(std::span<const std::byte> bytes) : bytes_(bytes) {}

  result<parsed_model> parse() {
    for (const auto step :
         {&model_parser::read_header, &model_parser::read_section_table, &model_parser::read_values,
          &model_parser::read_nodes, &model_parser::check_lifetimes, &model_parser::read_preprocessing,
          &model_parser::check_labels, &model_parser::check_self_test})
      if (auto ok = (this->*step)(); !ok) return std::move(ok).error();
    return std::move(made_);
  }

 private:
  static constexpr std::size_t table_end = sizeof(format::header) + format::section_kinds * sizeof(format::section);

  std::span<const std::byte> section(format::section_kind kind) const noexcept {
    const format::section& s = made_.sections[static_cast<std::size_t>(kind) - 1];
    return bytes_.subspan(static_cast<std::size_t>(s.offset), static_cast<std::size_t>(s.length));
  }

  result<void> read_header() {
    if (reinterpret_cast<std::uintptr_t>(bytes_.data()) % alignof(float) != 0)
      return error{errc::invalid_argument, "model bytes are not aligned to 4"};
    const std::size_t compared = std::min(bytes_.size(), format::magic.size());
    if (compared == 0 || std::memcmp(bytes_.data(), format::magic.data(), compared) != 0)
      return error{errc::not_a_model, "not a packed model: the first bytes are not those of an .mnet file"};
    if (bytes_.size() < sizeof(format::header) + format::tail_padding)
      return corrupt("file length", bytes_.size(),
                     "at least " + std::to_string(sizeof(format::header) + format::tail_padding) + " bytes");

    auto head = read_at<format::header>(bytes_, 0);
    if (head.byte_order_mark != format::byte_order_mark)
      return error{errc::unsupported_version, "byte order mark is " + hex(head.byte_order_mark) + ", expected " +
                                                  hex(format::byte_order_mark) +
                                                  " (packed models are little endian, and so must this machine be)"};
    if (head.version != format::version)
      return error{errc::unsupported_version, "format version is " + std::to_string(head.version) + ", expected " +
                                                  std::to_string(format::version) +
                                                  ": convert the model again with this library's converter"};
    if (head.file_length != bytes_.size())
      return corrupt("file length", bytes_.size(),
                     std::to_string(head.file_length) + " as the header says (truncated?)");
    if (head.section_count != format::section_kinds)
      return corrupt("header.section_count", head.section_count, std::to_string(format::section_kinds));
    if (bytes_.size() < table_end + format::tail_padding)
      return corrupt("file length", bytes_.size(), "a section table");

    const std::uint32_t expected = std::exchange(head.checksum, 0);
    const auto table = bytes_.subspan(sizeof head, table_end - sizeof head);
    const std::uint32_t found = crc32c(table, crc32c(std::as_bytes(std::span(&head, 1))));
    if (found != expected)
      return error{errc::checksum_mismatch, "header: checksum is " + hex(found) + ", expected " + hex(expected)};
    return {};
  }

  result<void> read_section_table() {
    std::uint64_t end = table_end;
    const std::uint64_t limit = bytes_.size() - format::tail_padding;
    for (std::size_t i = 0; i < format::section_kinds; ++i) {
      const auto s = read_at<format::section>(bytes_, sizeof(format::header) + i * sizeof(format::section));
      const std::string name = "section[" + std::to_string(i) + "]";
      if (static_cast<std::size_t>(s.kind) != i + 1)
        return corrupt(name + ".kind", static_cast<std::uint32_t>(s.kind), std::to_string(i + 1));
      if (s.offset % format::alignment != 0) return corrupt(name + ".offset", s.offset, "a multiple of 64");
      if (s.offset < end) return corrupt(name + ".offset", s.offset, "at least " + std::to_string(end));
      if (s.offset > limit || s.length > limit - s.offset)
        return corrupt(name + " ends past the file: offset " + std::to_string(s.offset) + ", length " +
                       std::to_string(s.length) + ", file length " + std::to_string(bytes_.size()));
      end = s.offset + s.length;
      made_.sections[i] = s;
    }
    return {};
  }

  /// Elements of a value with its channels in blocks of 16.
  static std::uint64_t blocked_elements(const shape& s) noexcept {
    return std::uint64_t{s.height} * s.width * layers::panels(s.channels) * layers::panel_width;
  }

  result<void> read_values() {
    const auto records = section(format::section_kind::values);
    const std::size_t count = records.size() / sizeof(format::value);
    if (records.size() % sizeof(format::value) != 0 || count < 2 || count > format::max_nodes + 1)
      return corrupt("section values length", records.size(), "2 to 4097 records of 32 bytes");
    values_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto r = read_at<format::value>(records, i * sizeof(format::value));
      const std::string field = "value[" + std::to_string(i) + "]";
      const shape dimensions{r.dimensions[0], r.dimensions[1], r.dimensions[2]};
      for (const std::uint32_t d : r.dimensions)
        if (d == 0 || d > format::max_dimension)
          return corrupt(field + ".dimensions: dimension", d, "1 to " + std::to_string(format::max_dimension));
      if (blocked_elements(dimensions) > format::max_activation_elements)
        return corrupt(field + ".dimensions: " + to_string(dimensions) + " is larger than " +
                       std::to_string(format::max_activation_elements) + " elements");
      if (r.element != static_cast<std::uint32_t>(element::f32)) return corrupt(field + ".element", r.element, "0");
      if (r.scale != 1.0f || r.zero_point != 0)
        return corrupt(field + ": scale is " + std::to_string(r.scale) + " and zero_point " +
                       std::to_string(r.zero_point) + ", expected 1 and 0 for floats");
      values_.emplace_back(dimensions, encoding{static_cast<element>(r.element), r.scale, r.zero_point});
    }
    made_.input = values_[0];
    return {};
  }

  result<void> read_nodes() {
    const auto records = section(format::section_kind::nodes);
    const std::size_t count = values_.size() - 1;
    if (records.size() != count * sizeof(format::node))
      return corrupt(
          "section nodes length", records.size(),
          std::to_string(count * sizeof(format::node)) + " for " + std::to_string(values_.size()) + " values");
    made_.nodes.reserve(count);
    const std::uint64_t weight_bytes = section(format::section_kind::weights).size();
    std::uint64_t work = 0;
    std::uint64_t used_bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto record = read_at<format::node>(records, i * sizeof(format::node));
      const std::string field = "node[" + std::to_string(i) + "]";
      auto parsed = read_node(record, i, field);
      if (!parsed) return std::move(parsed).error();

      work += layers::work(parsed->layer);
      if (work > format::max_work)
        return corrupt(field + ": multiply-adds and reads up to here", work,
                       "at most " + std::to_string(format::max_work));
      used_bytes += record.kernel_length + record.bias_length;
      if (used_bytes > weight_bytes)
        return corrupt(field + ": bytes of kernels and biases up to here", used_bytes,
                       "at most " + std::to_string(weight_bytes) + " as section weights has");
      made_.nodes.push_back(*std::move(parsed));
    }
    return {};
  }

  result<node> read_node(const format::node& r, std::size_t index, const std::string& field) const {
    auto layer = read_layer(r, index, field);
    if (!layer) return std::move(layer).error();
    node parsed;
    parsed.layer = *std::move(layer);
    parsed.inputs = {r.inputs[0], layers::input_count(parsed.layer) == 2 ? r.inputs[1] : no_value};

    const tensor_type given = layers::output_type(parsed.layer);
    const tensor_type& recorded = values_[index + 1];
    if (!(given == recorded))
      return corrupt("value[" + std::to_string(index + 1) + "] is " + to_string(recorded) + ", expected " +
                     to_string(given) + " as " + field + " computes");

    auto w = read_weights(r, parsed.layer, field);
    if (!w) return std::move(w).error();
    parsed.weights = *w;

    const auto names = as_text(section(format::section_kind::layer_names));
    if (r.name_offset > names.size() || r.name_length > names.size() - r.name_offset)
      return corrupt(field + ".name ends past section layer_names");
    parsed.names = names.substr(r.name_offset, r.name_length);
    parsed.folded_names = r.folded_names;
    return parsed;
  }

  // The layer of the kind that the record states, from the one list of kinds.
  template <std::size_t Kind = 0>
  result<layers::any_layer> read_layer(const format::node& r, std::size_t index, const std::string& field) const {
    if constexpr (Kind == layers::kinds) {
      return corrupt(field + ".kind", r.kind, "1 to " + std::to_string(layers::kinds));
    } else {
      if (r.kind != Kind + 1) return read_layer<Kind + 1>(r, index, field);
      std::variant_alternative_t<Kind, layers::any_layer> layer;
      if (auto ok = fill(layer, r, index, field); !ok) return std::move(ok).error();
      return layers::any_layer(layer);
    }
  }

  template <class Layer>
  result<void> fill(Layer& layer, const format::node& r, std::size_t index, const std::string& field) const {
    for (std::size_t i = 0; i < Layer::inputs; ++i)
      if (r.inputs[i] > index)
        return corrupt(field + ".inputs[" + std::to_string(i) + "]", r.inputs[i],
                       "at most " + std::to_string(index) + ": a node reads what was computed before it");
    layer.in = values_[r.inputs[0]];
    layer.out = values_[index + 1];
    if (layers::vector_only<Layer> && !layer.in.is_vector())
      return corrupt(field + ": its input is " + to_string(layer.in) + ", expected 1x1 positions");

    if constexpr (Layer::inputs == 2) {
      const tensor_type& second = values_[r.inputs[1]];
      if (!(shape(layer.in) == shape(second)))
        return corrupt(field + ": its inputs are " + to_string(layer.in) + " and " + to_string(second) +
                       ", expected equal shapes");
      layer.second = second;
    }
    if constexpr (requires { layer.out_channels; }) layer.out_channels = values_[index + 1].channels;
    if constexpr (layers::windowed<Layer>)
      if (auto ok = fill_window(layer.window, r, field); !ok) return ok;
    if constexpr (layers::ranged<Layer>) {
      layer.activation = {r.range[0], r.range[1]};
      if (!(layer.activation.low <= layer.activation.high)) return corrupt(field + ".range: low is not at most high");
    }
    if constexpr (requires { layer.function; }) {
      if (r.function >= layers::function_count)
        return corrupt(field + ".function", r.function, "0 to " + std::to_string(layers::function_count - 1));
      if (!std::isfinite(r.alpha)) return corrupt(field + ".alpha is not finite");
      layer.function = static_cast<layers::function>(r.function);
      layer.alpha = r.alpha;
    }
    return {};
  }

  static result<void> fill_window(layers::window& window, const format::node& r, const std::string& field) {
    for (const std::uint32_t d : {r.kernel[0], r.kernel[1], r.stride, r.pad[0], r.pad[1], r.pad[2], r.pad[3]})
      if (d > 1024) return corrupt(field + ": kernel, stride or padding", d, "at most 1024");
    if (r.kernel[0] == 0 || r.kernel[1] == 0 || r.stride == 0) return corrupt(field + ": kernel or stride is 0");
    window = {r.kernel[0], r.kernel[1], r.stride, {r.pad[0], r.pad[1], r.pad[2], r.pad[3]}};
    // Padding as large as the kernel would make outputs that see no input at all; no kernel expects that.
    const layers::padding& pad = window.pad;
    if (pad.top >= window.height || pad.bottom >= window.height || pad.left >= window.width ||
        pad.right >= window.width)
      return corrupt(field + ".pad: expected less than the kernel's size");
    return {};
  }

  result<weights> read_weights(const format::node& r, const layers::any_layer& layer, const std::string& field) const {
    if (r.weight_element >= element_count)
      return corrupt(field + ".weight_element", r.weight_element, "0 to " + std::to_string(element_count - 1));
    const auto type = static_cast<element>(r.weight_element);
    const std::uint64_t weights_length = section(format::section_kind::weights).size();
    // Panels times window times channels is the only product of four dimensions, so it is bounded step by step.
    const std::uint64_t bias_elements = layers::packed_bias_elements(layer);
    const std::uint64_t rows = std::visit(
        []<class Layer>(const Layer& l) -> std::uint64_t {
          if constexpr (layers::weighted<Layer>)
            return l.kernel_rows();
          else
            return 0;
        },
        layer);
    if (bias_elements != 0 && rows > weights_length / bias_elements + 1)
      return corrupt(field + ": its kernel is larger than section weights");

    const std::uint64_t elements = rows * bias_elements;
    auto kernel = read_array(r.kernel_offset, r.kernel_length, elements * bytes_per_element(type), field + ".kernel");
    if (!kernel) return std::move(kernel).error();
    auto bias = read_array(r.bias_offset, r.bias_length, bias_elements * sizeof(float), field + ".bias");
    if (!bias) return std::move(bias).error();
    return weights{*kernel, type, static_cast<const float*>(*bias)};
  }

  result<const void*> read_array(std::uint64_t offset, std::uint64_t length, std::uint64_t expected,
                                 const std::string& field) const {
    const auto all = section(format::section_kind::weights);
    if (length != expected)
      return corrupt(field + "_length", length, std::to_string(expected) + " bytes for its shape");
    if (expected == 0) return static_cast<const void*>(nullptr);
    if (offset % format::alignment != 0) return corrupt(field + "_offset", offset, "a multiple of 64");
    if (offset > all.size() || length > all.size() - offset)
      return corrupt(field + " ends past section weights: offset " + std::to_string(offset) + ", length " +
                     std::to_string(length) + ", section length " + std::to_string(all.size()));
    return static_cast<const void*>(all.data() + offset);
  }

  // Bounds the memory of an execution: the values that exist at one time, whatever is fused or converted.
  result<void> check_lifetimes() {
    std::vector<std::size_t> last_read(made_.nodes.size() + 1);  // by value: the input first
    last_read.back() = made_.nodes.size();
    for (std::size_t i = 0; i < made_.nodes.size(); ++i)
      for (const value_id in : made_.nodes[i].inputs)
        if (in != no_value) last_read[in] = i + 1;
    std::uint64_t live = blocked_elements(values_[0]);
    for (std::size_t i = 0; i < made_.nodes.size(); ++i) {
      live += blocked_elements(values_[i + 1]);
      if (live > format::max_live_elements)
        return corrupt("node[" + std::to_string(i) + "]: elements of all values that exist there", live,
                       "at most " + std::to_string(format::max_live_elements));
      for (std::size_t place = 0; place < 2; ++place) {
        const value_id in = made_.nodes[i].inputs[place];
        const bool again = place == 1 && in == made_.nodes[i].inputs[0];
        if (in != no_value && !again && last_read[in] == i + 1) live -= blocked_elements(values_[in]);
      }
    }
    return {};
  }

  result<void> read_preprocessing() {
    const auto bytes = section(format::section_kind::preprocessing);
    if (bytes.size() != sizeof(format::preprocessing))
      return corrupt("section preprocessing length", bytes.size(), std::to_string(sizeof(format::preprocessing)));
    const auto r = read_at<format::preprocessing>(bytes, 0);
    if (r.formula > 2) return corrupt("preprocessing.formula", r.formula, "0 to 2");
    if (!std::isfinite(r.a) || !std::isfinite(r.b)) return corrupt("preprocessing: a or b is not finite");
    using enum preprocessing::formula;
    const auto formula = static_cast<preprocessing::formula>(r.formula);
    if (formula == subtract_divide && r.b == 0.0f) return corrupt("preprocessing.b is 0, and pixels are divided by it");
    if (formula == divide_add && r.a == 0.0f) return corrupt("preprocessing.a is 0, and pixels are divided by it");
    if (r.resize > 2) return corrupt("preprocessing.resize", r.resize, "0 to 2");
    if (r.crop > 1) return corrupt("preprocessing.crop", r.crop, "0 or 1");
    if (r.output > 2) return corrupt("preprocessing.output", r.output, "0 to 2");

    const shape& out = values_.back();
    if (r.output == 1 && !out.is_vector())
      return corrupt("preprocessing.output says classes, but the last node computes " + to_string(out));
    if (r.output != 1 && r.class_offset != 0)
      return corrupt("preprocessing.class_offset", r.class_offset, "0 for a model without classes");
    if (r.class_offset > 1 || r.class_offset >= out.channels)
      return corrupt("preprocessing.class_offset", r.class_offset, "0, or 1 before at least one class");
    const std::uint32_t channels = made_.input.channels;
    if (channels != 3 && channels != 1)
      return corrupt("value[0] is " + to_string(made_.input) + ", expected 3 channels or 1");
    if (r.grey > (channels == 1 ? 2u : 0u))
      return corrupt("preprocessing.grey", r.grey, channels == 1 ? "0 to 2" : "0 for three channels");
    made_.preprocessing = {.scaling = formula,
                           .a = r.a,
                           .b = r.b,
                           .resize = static_cast<preprocessing::resize_method>(r.resize),
                           .crop = static_cast<preprocessing::crop_rule>(r.crop),
                           .grey = static_cast<preprocessing::grey_rule>(r.grey)};
    made_.output = static_cast<output_kind>(r.output);
    made_.class_offset = r.class_offset;
    return {};
  }

  // count, then count + 1 offsets from the section's start, then the text.
  result<void> check_labels() {
    const auto bytes = section(format::section_kind::labels);
    if (bytes.empty()) return {};
    if (bytes.size() < sizeof(std::uint32_t)) return corrupt("section labels length", bytes.size(), "at least 4");
    const auto count = read_at<std::uint32_t>(bytes, 0);
    const std::uint32_t classes =
        made_.output == output_kind::classes ? values_.back().channels - made_.class_offset : 0;
    if (count != classes) return corrupt("labels.count", count, std::to_string(classes) + " classes");
    const std::uint64_t table = sizeof(std::uint32_t) * (std::uint64_t{count} + 2);
    if (bytes.size() < table)
      return corrupt("section labels length", bytes.size(), "at least " + std::to_string(table));
    std::uint64_t previous = table;
    for (std::uint32_t i = 0; i <= count; ++i) {
      const auto offset = read_at<std::uint32_t>(bytes, sizeof(std::uint32_t) * (std::size_t{i} + 1));
      if (offset < previous || offset > bytes.size())
        return corrupt("labels.offset[" + std::to_string(i) + "]", offset,
                       std::to_string(previous) + " to " + std::to_string(bytes.size()));
      previous = offset;
    }
    return {};
  }

  result<void> check_self_test() {
    const std::size_t length = section(format::section_kind::self_test).size();
    const std::uint64_t expected = values_.back().volume() * sizeof(float);
    if (length != expected) return corrupt("section self_test length", length, std::to_string(expected));
    return {};
  }

  std::span<const std::byte> bytes_;
  std::vector<tensor_type> values_;
  parsed_model made_;
};

}  // namespace detail

/// Reads the tables of a packed model. Checks every offset, length, shape and type before anything is used; compares
/// the checksum of header and section table, but not those of the sections, which would read the whole file.
///
/// bytes    aligned for float (4); the tables point into them
/// errors   not_a_model, unsupported_version, corrupt_model, checksum_mismatch, invalid_argument
/// cost     linear in the number of nodes and labels; 50 us for a MobileNet
inline result<parsed_model> parse(std::span<const std::byte> bytes) { return detail::model_parser(bytes).parse(); }

/// Compares every section of a parsed model with its checksum; reads the whole file.
/// errors   checksum_mismatch: names the section
inline result<void> verify_checksums(std::span<const std::byte> bytes, const parsed_model& parsed) {
  for (const format::section& s : parsed.sections) {
    const std::uint32_t found =
        detail::crc32c(bytes.subspan(static_cast<std::size_t>(s.offset), static_cast<std::size_t>(s.length)));
    if (found != s.checksum)
      return error{errc::checksum_mismatch, "section " + std::string(format::to_string(s.kind)) + ": checksum is " +
                                                detail::hex(found) + ", expected " + detail::hex(s.checksum)};
  }
  return {};
}

MOBILENET_NAMESPACE_END
