#include "pack/packed_model_writer.hpp"

#include "pack/float16_correction.hpp"
#include "pack/float_to_half.hpp"
#include "pack/pack_panels.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/model/crc32c.hpp>
#include <mobilenet/network.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

static_assert(std::endian::native == std::endian::little, "packed models are written by little-endian machines only");

namespace mobilenet::tools {
namespace {

using bytes = std::vector<std::byte>;

void pad_to_alignment(bytes& out) {
  out.resize((out.size() + format::alignment - 1) / format::alignment * format::alignment);
}

template <class T>
void append(bytes& out, std::span<const T> values) {
  const auto raw = std::as_bytes(values);
  out.insert(out.end(), raw.begin(), raw.end());
}

template <class T>
void append_record(bytes& out, const T& record) {
  append(out, std::span<const T>(&record, 1));
}

void append_text(bytes& out, std::string_view text) { append(out, std::span<const char>(text)); }

std::string first_name(const layer_source& layer) { return layer.names.substr(0, layer.names.find('\n')); }

error layer_error(const layer_source& layer, errc code, const std::string& what) {
  return {code, "layer '" + first_name(layer) + "': " + what};
}

/// A kernel's size, see pack_panels.hpp.
struct kernel_extent {
  std::uint64_t rows = 0;
  std::uint32_t channels = 0;  ///< 0: the layer has no weights
};

kernel_extent extent(const layers::conv2d& p) {
  return {std::uint64_t{p.kernel_height} * p.kernel_width * p.in.channels, p.out_channels};
}
kernel_extent extent(const layers::depthwise_conv2d& p) {
  return {std::uint64_t{p.kernel_height} * p.kernel_width, p.in.channels};
}
kernel_extent extent(const layers::pointwise_conv2d& p) { return {p.in.channels, p.out_channels}; }
kernel_extent extent(const layers::dense& p) { return {p.in.channels, p.out_channels}; }
kernel_extent extent(const layers::global_average_pool&) { return {}; }
kernel_extent extent(const layers::softmax&) { return {}; }
kernel_extent extent(const layers::sigmoid&) { return {}; }

// What only some kinds of layer have.
template <class Layer>
void describe(format::layer& r, const Layer& p) {
  if constexpr (requires { p.pad; }) {
    r.kernel[0] = p.kernel_height;
    r.kernel[1] = p.kernel_width;
    r.stride = p.stride;
    r.pad[0] = p.pad.top, r.pad[1] = p.pad.left, r.pad[2] = p.pad.bottom, r.pad[3] = p.pad.right;
  }
  if constexpr (requires { p.bounds; }) r.clamp[0] = p.bounds.low, r.clamp[1] = p.bounds.high;
}

result<void> check_values(const layer_source& layer, std::span<const float> values, std::uint64_t expected,
                          const char* what) {
  if (values.size() != expected)
    return layer_error(
        layer, errc::shape_mismatch,
        std::string(what) + " has " + std::to_string(values.size()) + " values, expected " + std::to_string(expected));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      return layer_error(layer, errc::invalid_argument,
                         std::string(what) + "[" + std::to_string(i) + "] is " +
                             (std::isnan(values[i]) ? "not a number" : "infinite") + ", expected a finite value");
  return {};
}

result<std::vector<std::uint16_t>> to_halves(const layer_source& layer) {
  std::vector<std::uint16_t> halves(layer.kernel.size());
  for (std::size_t i = 0; i < halves.size(); ++i) {
    halves[i] = float_to_half(layer.kernel[i]);
    if ((halves[i] & 0x7fffu) == 0x7c00u)
      return layer_error(layer, errc::invalid_argument,
                         "kernel value " + std::to_string(layer.kernel[i]) +
                             " is too large for float16, whose largest value is 65504: store the weights as float32");
  }
  return halves;
}

/// The three sections that are made layer by layer.
struct network_sections {
  bytes records;
  bytes names;
  bytes weights;
};

// The arrays have the lengths of their shapes, and hold numbers that a network can compute with.
result<void> check_weights(const layer_source& layer) {
  const kernel_extent size = std::visit([](const auto& p) { return extent(p); }, layer.params);
  if (auto r = check_values(layer, layer.kernel, size.rows * size.channels, "kernel"); !r) return r;
  return check_values(layer, layer.bias, size.channels, "bias");
}

result<void> append_weights(format::layer& record, bytes& weights, const layer_source& layer, weight_type type) {
  const kernel_extent size = std::visit([](const auto& p) { return extent(p); }, layer.params);
  if (size.channels == 0) return {};
  if (!rounds_to_float16(layer)) type = weight_type::float32;

  pad_to_alignment(weights);
  record.weight_type = static_cast<std::uint32_t>(type);
  record.kernel_offset = weights.size();
  if (type == weight_type::float16) {
    auto halves = to_halves(layer);
    if (!halves) return std::move(halves).error();
    append(weights, std::span<const std::uint16_t>(pack_panels<std::uint16_t>(*halves, size.rows, size.channels)));
  } else {
    append(weights, std::span<const float>(pack_panels<float>(layer.kernel, size.rows, size.channels)));
  }
  record.kernel_length = weights.size() - record.kernel_offset;

  pad_to_alignment(weights);
  record.bias_offset = weights.size();
  append(weights, std::span<const float>(pack_panels<float>(layer.bias, 1, size.channels)));
  record.bias_length = weights.size() - record.bias_offset;
  return {};
}

result<network_sections> make_network(const std::vector<layer_source>& source, weight_type type) {
  network_sections made;
  for (const layer_source& layer : source) {
    format::layer record{};
    record.kind = static_cast<format::layer_kind>(layer.params.index() + 1);
    const shape in = layers::input_shape(layer.params);
    const shape out = layers::output_shape(layer.params);
    record.in[0] = in.height, record.in[1] = in.width, record.in[2] = in.channels;
    record.out[0] = out.height, record.out[1] = out.width, record.out[2] = out.channels;
    record.clamp[0] = -std::numeric_limits<float>::infinity();
    record.clamp[1] = std::numeric_limits<float>::infinity();
    std::visit([&](const auto& p) { describe(record, p); }, layer.params);

    record.name_offset = static_cast<std::uint32_t>(made.names.size());
    record.name_length = static_cast<std::uint32_t>(layer.names.size());
    record.folded_names = layer.folded_names;
    append_text(made.names, layer.names);

    if (auto r = append_weights(record, made.weights, layer, type); !r) return std::move(r).error();
    append_record(made.records, record);
  }
  pad_to_alignment(made.weights);
  return made;
}

bytes make_preprocessing(const model_source& source) {
  format::preprocessing record{};
  record.formula = static_cast<std::uint32_t>(source.preprocessing.scaling);
  record.a = source.preprocessing.a;
  record.b = source.preprocessing.b;
  record.output = static_cast<std::uint32_t>(source.output);
  record.first_class = source.first_class;
  bytes section;
  append_record(section, record);
  return section;
}

bytes make_labels(const std::vector<std::string>& labels) {
  bytes section;
  if (labels.empty()) return section;
  append_record(section, static_cast<std::uint32_t>(labels.size()));
  std::size_t offset = sizeof(std::uint32_t) * (labels.size() + 2);
  for (const std::string& label : labels) {
    append_record(section, static_cast<std::uint32_t>(offset));
    offset += label.size();
  }
  append_record(section, static_cast<std::uint32_t>(offset));
  for (const std::string& label : labels) append_text(section, label);
  return section;
}

constexpr std::size_t table_end = sizeof(format::header) + format::section_kinds * sizeof(format::section);

std::array<format::section, format::section_kinds> read_table(const bytes& file) {
  std::array<format::section, format::section_kinds> table;
  std::memcpy(table.data(), file.data() + sizeof(format::header), sizeof table);
  return table;
}

// Fills in every checksum of a file whose sections are in place.
void seal(bytes& file) {
  auto table = read_table(file);
  for (format::section& s : table) s.checksum = detail::crc32c(std::span(file).subspan(s.offset, s.length));
  std::memcpy(file.data() + sizeof(format::header), table.data(), sizeof table);

  format::header header{};
  header.magic = format::magic;
  header.byte_order_mark = format::byte_order_mark;
  header.version = format::version;
  header.file_length = file.size();
  header.section_count = format::section_kinds;
  std::memcpy(file.data(), &header, sizeof header);
  header.checksum = detail::crc32c(std::span(file).first(table_end));
  std::memcpy(file.data(), &header, sizeof header);
}

bytes lay_out(const std::array<const bytes*, format::section_kinds>& sections) {
  bytes file(table_end);
  std::array<format::section, format::section_kinds> table{};
  for (std::size_t i = 0; i < sections.size(); ++i) {
    pad_to_alignment(file);
    table[i].kind = static_cast<format::section_kind>(i + 1);
    table[i].offset = file.size();
    table[i].length = sections[i]->size();
    file.insert(file.end(), sections[i]->begin(), sections[i]->end());
  }
  std::memcpy(file.data() + sizeof(format::header), table.data(), sizeof table);
  file.resize(file.size() + format::spare_bytes);
  seal(file);
  return file;
}

// What packed_model would refuse too, before anything is computed.
result<void> check_chain(const std::vector<layer_source>& chain) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const shape in = layers::input_shape(chain[i].params);
    const shape out = layers::output_shape(chain[i].params);
    if (i > 0 && !(in == layers::output_shape(chain[i - 1].params)))
      return layer_error(chain[i], errc::shape_mismatch,
                         "its input is " + to_string(in) + ", expected " +
                             to_string(layers::output_shape(chain[i - 1].params)) + " as the layer before gives");
    if (out.elements() == 0 || out.elements() > format::max_activation_elements)
      return layer_error(chain[i], errc::shape_mismatch, "its output is " + to_string(out));
  }
  return {};
}

// The self-test computes the network once.
result<void> check_work(const std::vector<layer_source>& layers) {
  std::uint64_t sum = 0;
  for (const layer_source& layer : layers) {
    sum += layers::work(layer.params);
    if (sum > format::max_work)
      return layer_error(layer, errc::unsupported,
                         "up to here the network does " + std::to_string(sum) +
                             " multiply-adds and reads of values, expected at most " +
                             std::to_string(format::max_work));
  }
  return {};
}

// What the file says it answers to format::self_test_input; here the file is asked for the first time.
result<std::vector<float>> self_test(const bytes& file) {
  const auto model = packed_model::from_bytes(file);
  if (!model) return model.error();
  auto net = network<reference>::prepare(*model);
  if (!net) return std::move(net).error();
  const tensor_view input = net->input();
  for (std::uint32_t i = 0; i < input.dimensions.elements(); ++i) input.data[i] = format::self_test_input(i);
  const auto output = net->run();
  for (std::size_t i = 0; i < output.size(); ++i)
    if (!std::isfinite(output[i]))
      return error{errc::invalid_argument,
                   "self-test: output " + std::to_string(i) + " is not finite: the weights make the network overflow"};
  return std::vector<float>(output.begin(), output.end());
}

}  // namespace

result<std::vector<std::byte>> write_packed_model(const model_source& source, weight_type type) {
  if (source.layers.empty()) return error{errc::invalid_argument, "the network has no layers"};
  for (const layer_source& layer : source.layers)
    if (auto r = check_weights(layer); !r) return std::move(r).error();
  if (auto r = check_work(source.layers); !r) return std::move(r).error();
  if (auto r = check_chain(source.layers); !r) return std::move(r).error();
  model_source corrected;
  if (type == weight_type::float16) {
    corrected = source;
    correct_biases_for_float16(corrected);
  }
  auto network = make_network(type == weight_type::float16 ? corrected.layers : source.layers, type);
  if (!network) return std::move(network).error();

  const bytes preprocessing = make_preprocessing(source);
  const bytes labels = make_labels(source.labels);
  bytes provenance;
  append_text(provenance, source.provenance);
  const bytes no_answer_yet(layers::output_shape(source.layers.back().params).elements() * sizeof(float));
  bytes file = lay_out(
      {&network->records, &network->names, &preprocessing, &labels, &provenance, &no_answer_yet, &network->weights});

  const auto answer = self_test(file);
  if (!answer) return answer.error();
  const format::section place = read_table(file)[static_cast<std::size_t>(format::section_kind::self_test) - 1];
  std::memcpy(file.data() + place.offset, answer->data(), place.length);
  seal(file);
  return file;
}

}  // namespace mobilenet::tools
