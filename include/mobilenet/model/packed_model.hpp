// A converted model: the byte layout of an .mnet file, its validation, and views into its bytes.
//
// docs/format.md is the specification; this is its short form. All numbers are little endian.
//
//   0    header (64 bytes)            magic, byte-order mark, version, lengths, checksum of header and table
//   64   section table                one entry of 32 bytes a section: kind, CRC-32C, offset, length
//   ...  sections                     each at a multiple of 64, in the order of the table
//          network          layer records of 128 bytes, in the order of computation
//          layer_names      the tfjs layer names that each record stands for
//          preprocessing    how pixels are scaled; which outputs are classes
//          labels           class names
//          provenance       where the model came from, as text
//          self_test        what the reference back end answered to the synthetic input
//          weights          kernels as panels of 16 output channels, biases; every array at a multiple of 64
//   ...  16 spare bytes               so that vector reads may pass the end of the last array
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/layers/conv2d.hpp>
#include <mobilenet/layers/dense.hpp>
#include <mobilenet/layers/depthwise_conv2d.hpp>
#include <mobilenet/layers/global_average_pool.hpp>
#include <mobilenet/layers/pointwise_conv2d.hpp>
#include <mobilenet/layers/sigmoid.hpp>
#include <mobilenet/layers/softmax.hpp>
#include <mobilenet/model/crc32c.hpp>
#include <mobilenet/platform/mapped_file.hpp>
#include <mobilenet/preprocess.hpp>
#include <mobilenet/tensor.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// The byte layout, shared by the reader below and the converter's writer.
namespace format {

/// Not text, holds both line endings: a transfer that "repairs" either breaks the magic and is noticed.
inline constexpr std::array<std::uint8_t, 8> magic{0x89, 'M', 'N', 'E', 'T', '\r', '\n', 0x1a};
inline constexpr std::uint32_t byte_order_mark = 0x01020304;
inline constexpr std::uint32_t version = 1;
inline constexpr std::size_t alignment = 64;
inline constexpr std::size_t spare_bytes = 16;

struct header {
  std::array<std::uint8_t, 8> magic;
  std::uint32_t byte_order_mark;
  std::uint32_t version;
  std::uint64_t file_length;  ///< bytes, the spare ones included
  std::uint32_t section_count;
  std::uint32_t checksum;     ///< CRC-32C of header and section table, this field taken as 0
  std::uint8_t reserved[32];  ///< 0
};
static_assert(sizeof(header) == 64);

enum class section_kind : std::uint32_t {
  network = 1,
  layer_names = 2,
  preprocessing = 3,
  labels = 4,
  provenance = 5,
  self_test = 6,
  weights = 7,
};
inline constexpr std::size_t section_kinds = 7;

constexpr std::string_view to_string(section_kind kind) noexcept {
  constexpr std::array<std::string_view, section_kinds + 1> names{
      "?", "network", "layer_names", "preprocessing", "labels", "provenance", "self_test", "weights"};
  const auto index = static_cast<std::size_t>(kind);
  return index < names.size() ? names[index] : names[0];
}

struct section {
  section_kind kind;
  std::uint32_t checksum;  ///< CRC-32C of the section's bytes
  std::uint64_t offset;    ///< from the file's start, a multiple of 64
  std::uint64_t length;    ///< bytes
  std::uint64_t reserved;  ///< 0
};
static_assert(sizeof(section) == 32);

enum class layer_kind : std::uint32_t {
  conv2d = 1,
  depthwise_conv2d = 2,
  pointwise_conv2d = 3,
  global_average_pool = 4,
  dense = 5,
  softmax = 6,
  sigmoid = 7,
};

/// One layer. Fields that a kind has no use for are 0 (clamp: -inf, inf).
struct layer {
  layer_kind kind;
  std::uint32_t weight_type;  ///< 0 float32, 1 float16; biases are always float32
  std::uint32_t in[3];        ///< height, width, channels
  std::uint32_t out[3];
  std::uint32_t kernel[2];  ///< height, width
  std::uint32_t stride;
  std::uint32_t pad[4];       ///< top, left, bottom, right
  float clamp[2];             ///< low, high
  std::uint32_t name_offset;  ///< into layer_names: names separated by '\n', in order of computation
  std::uint32_t name_length;
  std::uint32_t folded_names;   ///< so many of the first names have no activation of their own any more
  std::uint64_t kernel_offset;  ///< into weights
  std::uint64_t kernel_length;  ///< bytes
  std::uint64_t bias_offset;    ///< into weights
  std::uint64_t bias_length;    ///< bytes
  std::uint64_t reserved[2];    ///< 0
};
static_assert(sizeof(layer) == 128);

struct preprocessing {
  std::uint32_t formula;  ///< mobilenet::preprocessing::formula
  float a;
  float b;
  std::uint32_t output;        ///< mobilenet::output_kind
  std::uint32_t first_class;   ///< outputs before this one are no classes ("background") and are not ranked
  std::uint32_t reserved[11];  ///< 0
};
static_assert(sizeof(preprocessing) == 64);

/// Bounds that keep every product of dimensions far from overflow, and an absurd file from an absurd allocation or from
/// keeping the processor busy for days. MobileNet v1 takes two thirds of the work for a picture of 2048x2048.
inline constexpr std::uint32_t max_dimension = 1u << 20;
inline constexpr std::uint64_t max_activation_elements = 1ull << 28;  ///< with channels in blocks of 16
inline constexpr std::uint64_t max_work = 1ull << 36;                 ///< multiply-adds, and values read
inline constexpr std::uint32_t max_layers = 4096;

/// Element i of the self-test's input, NHWC: multiples of 2^-15 in [-1, 1), exact in float32.
constexpr float self_test_input(std::uint32_t i) noexcept {
  return static_cast<float>((i * 2654435761u) >> 16) / 32768.0f - 1.0f;
}

}  // namespace format

/// How a kernel's numbers are stored.
enum class weight_type : std::uint32_t { float32 = 0, float16 = 1 };

/// A layer's weights where they lie in the packed model. Non-owning.
struct packed_weights {
  const void* kernel = nullptr;  ///< panels, see layers/*.hpp; null for layers without weights
  weight_type type = weight_type::float32;
  const float* bias = nullptr;  ///< [16 * panels], zero padded
};

namespace layers {
/// What any layer of the chain is.
using description =
    std::variant<conv2d, depthwise_conv2d, pointwise_conv2d, global_average_pool, dense, softmax, sigmoid>;

inline shape input_shape(const description& d) {
  return std::visit([](const auto& layer) { return layer.in; }, d);
}
inline shape output_shape(const description& d) {
  return std::visit([](const auto& layer) { return layer.output_shape(); }, d);
}
/// Multiply-adds, and the values that a layer reads: at most 2^61 in all that read_layer() lets through.
inline std::uint64_t work(const description& d) {
  return std::visit([](const auto& layer) { return layer.multiply_adds() + layer.in.elements(); }, d);
}
inline constexpr std::array<std::string_view, 7> kind_names{
    "conv2d", "depthwise_conv2d", "pointwise_conv2d", "global_average_pool", "dense", "softmax", "sigmoid"};
/// "depthwise_conv2d" and so on.
inline std::string_view kind_name(const description& d) { return kind_names[d.index()]; }
}  // namespace layers

/// One layer of a packed model: what it means, its weights, and the tfjs layers it stands for.
struct packed_layer {
  layers::description params;
  packed_weights weights;
  std::string_view names;          ///< tfjs layer names, separated by '\n': "conv1\nconv1_bn\nconv1_relu"
  std::uint32_t folded_names = 0;  ///< so many of the first have no activation of their own any more

  /// The first name, without which the layer would not be there: "conv1".
  std::string_view name() const noexcept { return names.substr(0, names.find('\n')); }

  /// The last name, whose activation this layer's output is: "conv1_relu".
  std::string_view activation_name() const noexcept { return names.substr(names.rfind('\n') + 1); }
};

/// What the last layer's output is.
enum class output_kind : std::uint32_t {
  features = 0,  ///< an embedding: no classes
  classes = 1,   ///< a probability per class
};

/// How packed_model reads.
struct open_options {
  page_in pages = page_in::on_demand;
  bool verify_checksums = false;  ///< read every byte and compare the sections' checksums
};

/// A validated packed model: read-only, and shared freely between threads. It owns the mapping when it was
/// opened from a file, and otherwise refers to the caller's bytes, which must outlive it. Views that it hands
/// out point into those bytes and stay valid when the packed_model is moved. Move-only.
class packed_model {
 public:
  packed_model() = default;

  /// errors   io_error; and those of from_bytes, with the path in front
  static result<packed_model> open(const std::string& path, open_options options = {}) {
    auto file = mapped_file::open(path, options.pages);
    if (!file) return std::move(file).error();
    auto model = from_bytes(file->bytes(), options);
    if (!model) return error{model.error().code, path + ": " + model.error().message};
    model->file_ = *std::move(file);
    return model;
  }

  /// Uses the bytes in place: an embedded array, a shared memory segment, a received buffer. Every offset,
  /// length and shape is checked before anything is used; the sections' checksums only on request.
  /// bytes    aligned for float (4); 64 lets the kernels read whole cache lines
  /// errors   not_a_model, unsupported_version, corrupt_model, checksum_mismatch, invalid_argument
  static result<packed_model> from_bytes(std::span<const std::byte> bytes, open_options options = {}) {
    packed_model model;
    model.bytes_ = bytes;
    if (auto r = model.read_header(); !r) return std::move(r).error();
    if (options.verify_checksums)
      if (auto r = model.verify_checksums(); !r) return std::move(r).error();
    if (auto r = model.read_network(); !r) return std::move(r).error();
    if (auto r = model.read_preprocessing(); !r) return std::move(r).error();
    if (auto r = model.read_labels(); !r) return std::move(r).error();
    if (auto r = model.read_self_test(); !r) return std::move(r).error();
    return model;
  }

  /// A packed_model over the same bytes that does not own them; this one must outlive it.
  packed_model borrow() const&& = delete;
  packed_model borrow() const& {
    packed_model other;
    other.bytes_ = bytes_;
    other.sections_ = sections_;
    other.layers_ = layers_;
    other.preprocessing_ = preprocessing_;
    other.output_ = output_;
    other.first_class_ = first_class_;
    other.cut_ = cut_;
    return other;
  }

  /// Index of the layer whose activation is an image's embedding: the last one of a model that ends in features,
  /// otherwise the pooling that the class scores are computed from. None where there is no pooling.
  std::optional<std::size_t> embedding_layer() const noexcept {
    if (output_ == output_kind::features && !layers_.empty()) return layers_.size() - 1;
    for (std::size_t i = layers_.size(); i-- > 0;)
      if (std::holds_alternative<layers::global_average_pool>(layers_[i].params)) return i;
    return std::nullopt;
  }

  /// The model cut off after a layer, by its tfjs name ("conv_pw_11_relu"): what a network of it computes is that
  /// layer's activation. Does not own the bytes, like borrow(); says that it ends in features.
  /// errors   invalid_argument: there is no such layer; unsupported: its activation is not computed any more,
  ///          because it was folded into the layers around it
  result<packed_model> until(std::string_view tfjs_layer) const&& = delete;
  result<packed_model> until(std::string_view tfjs_layer) const& {
    const packed_layer* folded_into = nullptr;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      std::string_view rest = layers_[i].names;
      for (std::uint32_t place = 0; !rest.empty(); ++place) {
        const std::string_view name = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(name.size() + 1, rest.size()));
        if (name != tfjs_layer) continue;
        if (place < layers_[i].folded_names) {
          folded_into = &layers_[i];
          continue;
        }
        return first_layers(i + 1);
      }
    }
    if (folded_into != nullptr)
      return error{errc::unsupported, "layer '" + std::string(tfjs_layer) + "' has no activation of its own: it was " +
                                          "folded into the one that ends with '" +
                                          std::string(folded_into->activation_name()) + "'"};
    return error{errc::invalid_argument, "the model has no layer '" + std::string(tfjs_layer) + "'"};
  }

  /// The model cut off after so many layers: until() by number. At least 1, at most all.
  packed_model first_layers(std::size_t count) const&& = delete;
  packed_model first_layers(std::size_t count) const& {
    packed_model cut = borrow();
    cut.cut_ = cut_ || count < layers_.size();
    cut.layers_.resize(count);
    cut.output_ = output_kind::features;
    cut.first_class_ = 0;
    return cut;
  }

  /// Compares every section with its checksum; reads the whole file.
  /// errors   checksum_mismatch: names the section
  result<void> verify_checksums() const {
    for (const format::section& s : sections_) {
      const std::uint32_t found = detail::crc32c(bytes_.subspan(s.offset, s.length));
      if (found != s.checksum)
        return error{errc::checksum_mismatch, "section " + std::string(format::to_string(s.kind)) + ": checksum is " +
                                                  hex(found) + ", expected " + hex(s.checksum)};
    }
    return {};
  }

  std::span<const packed_layer> layers() const noexcept { return layers_; }
  shape input_shape() const noexcept { return layers_.empty() ? shape{} : layers::input_shape(layers_.front().params); }
  shape output_shape() const noexcept {
    return layers_.empty() ? shape{} : layers::output_shape(layers_.back().params);
  }
  const mobilenet::preprocessing& preprocessing() const noexcept { return preprocessing_; }
  output_kind output() const noexcept { return output_; }

  /// Index of the first output that is a class: 1 where output 0 is "background", else 0.
  std::uint32_t first_class() const noexcept { return first_class_; }

  /// Number of classes that can be ranked; 0 for a model that ends in features.
  std::uint32_t class_count() const noexcept {
    return output_ == output_kind::classes ? output_shape().channels - first_class_ : 0;
  }

  /// Number of class names: class_count(), or 0 for a model without labels.
  std::uint32_t label_count() const noexcept {
    const auto bytes = section_bytes(format::section_kind::labels);
    return bytes.empty() || output_ == output_kind::features ? 0 : read<std::uint32_t>(bytes, 0);
  }
  /// Name of a class, counted from first_class(); empty where there is none.
  std::string_view label(std::uint32_t class_index) const noexcept {
    if (class_index >= label_count()) return {};
    const auto bytes = section_bytes(format::section_kind::labels);
    const std::size_t entry = sizeof(std::uint32_t) * (std::size_t{class_index} + 1);
    const auto begin = read<std::uint32_t>(bytes, entry);
    const auto end = read<std::uint32_t>(bytes, entry + sizeof(std::uint32_t));
    return text(bytes.subspan(begin, end - begin));
  }
  std::string_view provenance() const noexcept { return text(section_bytes(format::section_kind::provenance)); }

  /// What the reference back end answered at conversion to format::self_test_input; empty for a model that was cut.
  std::span<const float> self_test_output() const noexcept {
    const auto bytes = section_bytes(format::section_kind::self_test);
    if (cut_) return {};
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
  }

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::span<const format::section> sections() const noexcept { return sections_; }
  std::span<const std::byte> section_bytes(format::section_kind kind) const noexcept {
    const format::section& s = sections_[static_cast<std::size_t>(kind) - 1];
    return bytes_.subspan(s.offset, s.length);
  }

 private:
  template <class T>
  static T read(std::span<const std::byte> bytes, std::size_t offset) noexcept {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  }
  static std::string_view text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  static std::string hex(std::uint32_t value) {
    constexpr char digits[] = "0123456789abcdef";
    std::string s = "0x";
    for (int shift = 28; shift >= 0; shift -= 4) s += digits[(value >> shift) & 15];
    return s;
  }
  static error corrupt(const std::string& what) { return {errc::corrupt_model, what}; }
  static error corrupt(const std::string& field, std::uint64_t found, const std::string& expected) {
    return corrupt(field + " is " + std::to_string(found) + ", expected " + expected);
  }

  result<void> read_header() {
    if (reinterpret_cast<std::uintptr_t>(bytes_.data()) % alignof(float) != 0)
      return error{errc::invalid_argument, "model bytes are not aligned to 4"};
    const std::size_t compared = std::min(bytes_.size(), format::magic.size());
    if (compared == 0 || std::memcmp(bytes_.data(), format::magic.data(), compared) != 0)
      return error{errc::not_a_model, "not a packed model: the first bytes are not those of an .mnet file"};
    if (bytes_.size() < sizeof(format::header) + format::spare_bytes)
      return corrupt("file length", bytes_.size(),
                     "at least " + std::to_string(sizeof(format::header) + format::spare_bytes) + " bytes");
    auto head = read<format::header>(bytes_, 0);
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
    const std::size_t table_end = sizeof(format::header) + format::section_kinds * sizeof(format::section);
    if (bytes_.size() < table_end + format::spare_bytes)
      return corrupt("file length", bytes_.size(), "a section table");
    const std::uint32_t expected = head.checksum;
    head.checksum = 0;
    const auto table = bytes_.subspan(sizeof head, table_end - sizeof head);
    const std::uint32_t found = detail::crc32c(table, detail::crc32c(std::as_bytes(std::span(&head, 1))));
    if (found != expected)
      return error{errc::checksum_mismatch, "header: checksum is " + hex(found) + ", expected " + hex(expected)};

    std::uint64_t end = table_end;
    for (std::size_t i = 0; i < format::section_kinds; ++i) {
      const auto s = read<format::section>(table, i * sizeof(format::section));
      const std::string name = "section[" + std::to_string(i) + "]";
      if (static_cast<std::size_t>(s.kind) != i + 1)
        return corrupt(name + ".kind", static_cast<std::uint32_t>(s.kind), std::to_string(i + 1));
      if (s.offset % format::alignment != 0) return corrupt(name + ".offset", s.offset, "a multiple of 64");
      if (s.offset < end) return corrupt(name + ".offset", s.offset, "at least " + std::to_string(end));
      const std::uint64_t limit = bytes_.size() - format::spare_bytes;
      if (s.offset > limit || s.length > limit - s.offset)
        return corrupt(name + " ends past the file: offset " + std::to_string(s.offset) + ", length " +
                       std::to_string(s.length) + ", file length " + std::to_string(bytes_.size()));
      end = s.offset + s.length;
      sections_[i] = s;
    }
    return {};
  }

  result<void> read_network() {
    const auto records = section_bytes(format::section_kind::network);
    const std::size_t count = records.size() / sizeof(format::layer);
    if (records.size() % sizeof(format::layer) != 0 || count == 0 || count > format::max_layers)
      return corrupt("section network length", records.size(), "1 to 4096 records of 128 bytes");
    layers_.reserve(count);
    const std::uint64_t weight_bytes = section_bytes(format::section_kind::weights).size();
    std::uint64_t work = 0;
    std::uint64_t used_bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto record = read<format::layer>(records, i * sizeof(format::layer));
      const std::string field = "layer[" + std::to_string(i) + "]";
      auto parsed = read_layer(record, field);
      if (!parsed) return std::move(parsed).error();
      if (i > 0) {
        const shape before = layers::output_shape(layers_.back().params);
        const shape in = layers::input_shape(parsed->params);
        if (!(in == before))
          return corrupt(field + ".in is " + to_string(in) + ", expected " + to_string(before) +
                         " as the layer before gives");
      }
      work += layers::work(parsed->params);
      if (work > format::max_work)
        return corrupt(field + ": multiply-adds and reads up to here", work,
                       "at most " + std::to_string(format::max_work));
      used_bytes += record.kernel_length + record.bias_length;
      if (used_bytes > weight_bytes)
        return corrupt(field + ": bytes of kernels and biases up to here", used_bytes,
                       "at most " + std::to_string(weight_bytes) + " as section weights has");
      layers_.push_back(*std::move(parsed));
    }
    return {};
  }

  result<packed_layer> read_layer(const format::layer& r, const std::string& field) const {
    const shape in{r.in[0], r.in[1], r.in[2]};
    const shape out{r.out[0], r.out[1], r.out[2]};
    for (const std::uint32_t d : {in.height, in.width, in.channels, out.height, out.width, out.channels})
      if (d == 0 || d > format::max_dimension)
        return corrupt(field + ": dimension", d, "1 to " + std::to_string(format::max_dimension));
    const auto blocked = [](const shape& s) {
      return shape{s.height, s.width, layers::panels(s.channels) * layers::panel_width}.elements();
    };
    if (blocked(in) > format::max_activation_elements || blocked(out) > format::max_activation_elements)
      return corrupt(field + ": activations of " + to_string(in) + " and " + to_string(out) + " are larger than " +
                     std::to_string(format::max_activation_elements) + " elements");
    for (const std::uint32_t d : {r.kernel[0], r.kernel[1], r.stride, r.pad[0], r.pad[1], r.pad[2], r.pad[3]})
      if (d > 1024) return corrupt(field + ": kernel, stride or padding", d, "at most 1024");
    const layers::clamp bounds{r.clamp[0], r.clamp[1]};
    if (!(bounds.low <= bounds.high)) return corrupt(field + ".clamp: low is not at most high");
    if (r.weight_type > 1) return corrupt(field + ".weight_type", r.weight_type, "0 or 1");

    packed_layer parsed;
    const layers::padding pad{r.pad[0], r.pad[1], r.pad[2], r.pad[3]};
    const bool windowed = r.kind == format::layer_kind::conv2d || r.kind == format::layer_kind::depthwise_conv2d;
    if (windowed && (r.kernel[0] == 0 || r.kernel[1] == 0 || r.stride == 0))
      return corrupt(field + ": kernel or stride is 0");
    // Padding as large as the kernel would make outputs that see no input at all; no kernel expects that.
    if (windowed &&
        (pad.top >= r.kernel[0] || pad.bottom >= r.kernel[0] || pad.left >= r.kernel[1] || pad.right >= r.kernel[1]))
      return corrupt(field + ".pad: expected less than the kernel's size");
    switch (r.kind) {
      case format::layer_kind::conv2d:
        parsed.params = layers::conv2d{in, out.channels, r.kernel[0], r.kernel[1], r.stride, pad, bounds};
        break;
      case format::layer_kind::depthwise_conv2d:
        parsed.params = layers::depthwise_conv2d{in, r.kernel[0], r.kernel[1], r.stride, pad, bounds};
        break;
      case format::layer_kind::pointwise_conv2d:
        parsed.params = layers::pointwise_conv2d{in, out.channels, bounds};
        break;
      case format::layer_kind::global_average_pool: parsed.params = layers::global_average_pool{in}; break;
      case format::layer_kind::dense: parsed.params = layers::dense{in, out.channels, bounds}; break;
      case format::layer_kind::softmax: parsed.params = layers::softmax{in}; break;
      case format::layer_kind::sigmoid: parsed.params = layers::sigmoid{in}; break;
      default: return corrupt(field + ".kind", static_cast<std::uint32_t>(r.kind), "1 to 7");
    }
    const bool vector_only = r.kind == format::layer_kind::dense || r.kind == format::layer_kind::softmax ||
                             r.kind == format::layer_kind::sigmoid;
    if (vector_only && (in.height != 1 || in.width != 1))
      return corrupt(field + ".in is " + to_string(in) + ", expected 1x1 positions");
    const shape given = layers::output_shape(parsed.params);
    if (!(given == out))
      return corrupt(field + ".out is " + to_string(out) + ", expected " + to_string(given) + " for its input");

    if (auto w = read_weights(r, parsed, field); !w) return std::move(w).error();
    const auto names = text(section_bytes(format::section_kind::layer_names));
    if (r.name_offset > names.size() || r.name_length > names.size() - r.name_offset)
      return corrupt(field + ".name ends past section layer_names");
    parsed.names = names.substr(r.name_offset, r.name_length);
    parsed.folded_names = r.folded_names;
    return parsed;
  }

  result<void> read_weights(const format::layer& r, packed_layer& parsed, const std::string& field) const {
    // Panels times window times channels: the only product of four dimensions, so it is bounded step by step.
    std::uint64_t elements = 0;
    std::uint64_t bias_elements = 0;
    if (r.kind != format::layer_kind::global_average_pool && r.kind != format::layer_kind::softmax &&
        r.kind != format::layer_kind::sigmoid) {
      const auto weights_length = section_bytes(format::section_kind::weights).size();
      bias_elements = std::uint64_t{layers::panels(r.out[2])} * layers::panel_width;
      const std::uint64_t per_channel =
          std::uint64_t{r.in[2]} * (r.kernel[0] == 0 ? 1 : r.kernel[0]) * (r.kernel[1] == 0 ? 1 : r.kernel[1]);
      if (r.kind != format::layer_kind::depthwise_conv2d && per_channel > weights_length / bias_elements + 1)
        return corrupt(field + ": its kernel is larger than section weights");
      elements = std::visit([](const auto& layer) { return layer.packed_kernel_elements(); }, parsed.params);
      if (elements > format::max_work) return corrupt(field + ": elements of its kernel", elements, "at most 2^36");
    }
    const std::uint64_t element_bytes = r.weight_type == 1 ? 2 : 4;
    auto kernel = read_array(r.kernel_offset, r.kernel_length, elements * element_bytes, field + ".kernel");
    if (!kernel) return std::move(kernel).error();
    auto bias = read_array(r.bias_offset, r.bias_length, bias_elements * sizeof(float), field + ".bias");
    if (!bias) return std::move(bias).error();
    parsed.weights = {*kernel, static_cast<weight_type>(r.weight_type), static_cast<const float*>(*bias)};
    return {};
  }

  result<const void*> read_array(std::uint64_t offset, std::uint64_t length, std::uint64_t expected,
                                 const std::string& field) const {
    const auto weights = section_bytes(format::section_kind::weights);
    if (length != expected)
      return corrupt(field + "_length", length, std::to_string(expected) + " bytes for its shape");
    if (expected == 0) return static_cast<const void*>(nullptr);
    if (offset % format::alignment != 0) return corrupt(field + "_offset", offset, "a multiple of 64");
    if (offset > weights.size() || length > weights.size() - offset)
      return corrupt(field + " ends past section weights: offset " + std::to_string(offset) + ", length " +
                     std::to_string(length) + ", section length " + std::to_string(weights.size()));
    return static_cast<const void*>(weights.data() + offset);
  }

  result<void> read_preprocessing() {
    const auto bytes = section_bytes(format::section_kind::preprocessing);
    if (bytes.size() != sizeof(format::preprocessing))
      return corrupt("section preprocessing length", bytes.size(), std::to_string(sizeof(format::preprocessing)));
    const auto record = read<format::preprocessing>(bytes, 0);
    if (record.formula > 1) return corrupt("preprocessing.formula", record.formula, "0 or 1");
    if (!std::isfinite(record.a) || !std::isfinite(record.b)) return corrupt("preprocessing: a or b is not finite");
    if (record.formula == 0 && record.b == 0.0f) return corrupt("preprocessing.b is 0, and pixels are divided by it");
    if (record.output > 1) return corrupt("preprocessing.output", record.output, "0 or 1");
    const shape out = output_shape();
    if (record.output == 1 && (out.height != 1 || out.width != 1))
      return corrupt("preprocessing.output says classes, but the last layer gives " + to_string(out));
    if (record.output == 0 && record.first_class != 0)
      return corrupt("preprocessing.first_class", record.first_class, "0 for a model without classes");
    if (record.first_class > 1 || record.first_class >= out.channels)
      return corrupt("preprocessing.first_class", record.first_class, "0, or 1 before at least one class");
    if (input_shape().channels != 3)
      return corrupt("layer[0].in is " + to_string(input_shape()) + ", expected 3 channels");
    preprocessing_ = {static_cast<mobilenet::preprocessing::formula>(record.formula), record.a, record.b};
    output_ = static_cast<output_kind>(record.output);
    first_class_ = record.first_class;
    return {};
  }

  // count, then count + 1 offsets from the section's start, then the text.
  result<void> read_labels() const {
    const auto bytes = section_bytes(format::section_kind::labels);
    if (bytes.empty()) return {};
    if (bytes.size() < sizeof(std::uint32_t)) return corrupt("section labels length", bytes.size(), "at least 4");
    const auto count = read<std::uint32_t>(bytes, 0);
    if (count != class_count()) return corrupt("labels.count", count, std::to_string(class_count()) + " classes");
    const std::uint64_t table = sizeof(std::uint32_t) * (std::uint64_t{count} + 2);
    if (bytes.size() < table)
      return corrupt("section labels length", bytes.size(), "at least " + std::to_string(table));
    std::uint64_t previous = table;
    for (std::uint32_t i = 0; i <= count; ++i) {
      const auto offset = read<std::uint32_t>(bytes, sizeof(std::uint32_t) * (std::size_t{i} + 1));
      if (offset < previous || offset > bytes.size())
        return corrupt("labels.offset[" + std::to_string(i) + "]", offset,
                       std::to_string(previous) + " to " + std::to_string(bytes.size()));
      previous = offset;
    }
    return {};
  }

  result<void> read_self_test() const {
    const std::size_t length = section_bytes(format::section_kind::self_test).size();
    const std::size_t expected = output_shape().elements() * sizeof(float);
    if (length != expected) return corrupt("section self_test length", length, std::to_string(expected));
    return {};
  }

  mapped_file file_;
  std::span<const std::byte> bytes_;
  std::array<format::section, format::section_kinds> sections_{};
  std::vector<packed_layer> layers_;
  mobilenet::preprocessing preprocessing_;
  output_kind output_ = output_kind::features;
  std::uint32_t first_class_ = 0;
  bool cut_ = false;
};

MOBILENET_NAMESPACE_END
