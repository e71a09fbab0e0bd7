#include "pack/packed_model_writer.hpp"

#include "pack/float16_correction.hpp"
#include "pack/float_to_half.hpp"
#include "pack/pack_panels.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/model/crc32c.hpp>
#include <mobilenet/model/format.hpp>
#include <mobilenet/model/packed_model.hpp>
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

error layer_error(const unpacked_layer& layer, errc code, const std::string& what) {
  return {code, "layer '" + layer.first_name() + "': " + what};
}

/// A kernel's size, see pack_panels.hpp.
struct kernel_extent {
  std::uint64_t rows = 0;
  std::uint32_t channels = 0;  ///< 0: the layer has no weights
};
kernel_extent extent_of(const layers::any_layer& any) {
  return std::visit(
      []<class Layer>(const Layer& layer) -> kernel_extent {
        if constexpr (layers::weighted<Layer>)
          return {layer.kernel_rows(), layer.output_shape().channels};
        else
          return {};
      },
      any);
}

// What only some kinds of layer have.
template <class Layer>
void describe(format::node& r, const Layer& layer) {
  if constexpr (layers::windowed<Layer>) {
    const layers::window& w = layer.window;
    r.kernel[0] = w.height, r.kernel[1] = w.width, r.stride = w.stride;
    r.pad[0] = w.pad.top, r.pad[1] = w.pad.left, r.pad[2] = w.pad.bottom, r.pad[3] = w.pad.right;
  }
  if constexpr (layers::ranged<Layer>) r.range[0] = layer.activation.low, r.range[1] = layer.activation.high;
  if constexpr (requires { layer.function; }) {
    r.function = static_cast<std::uint32_t>(layer.function);
    r.alpha = layer.alpha;
  }
}

result<void> check_values(const unpacked_layer& layer, std::span<const float> values, std::uint64_t expected,
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

result<std::vector<std::uint16_t>> to_halves(const unpacked_layer& layer) {
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

/// The sections that are made layer by layer.
struct network_sections {
  bytes values;
  bytes nodes;
  bytes names;
  bytes weights;
};

// The arrays have the lengths of their shapes, and hold numbers that a network can compute with.
result<void> check_weights(const unpacked_layer& layer) {
  const kernel_extent size = extent_of(layer.layer);
  if (auto r = check_values(layer, layer.kernel, size.rows * size.channels, "kernel"); !r) return r;
  return check_values(layer, layer.bias, size.channels, "bias");
}

result<void> append_weights(format::node& record, bytes& weights, const unpacked_layer& layer, element type) {
  const kernel_extent size = extent_of(layer.layer);
  if (size.channels == 0) return {};
  const auto rows = static_cast<std::size_t>(size.rows);  // the kernel in memory has so many: check_weights()
  if (!rounds_to_float16(layer)) type = element::f32;

  pad_to_alignment(weights);
  record.weight_element = static_cast<std::uint32_t>(type);
  record.kernel_offset = weights.size();
  if (type == element::f16) {
    auto halves = to_halves(layer);
    if (!halves) return std::move(halves).error();
    append(weights, std::span<const std::uint16_t>(pack_panels<std::uint16_t>(*halves, rows, size.channels)));
  } else {
    append(weights, std::span<const float>(pack_panels<float>(layer.kernel, rows, size.channels)));
  }
  record.kernel_length = weights.size() - record.kernel_offset;

  pad_to_alignment(weights);
  record.bias_offset = weights.size();
  append(weights, std::span<const float>(pack_panels<float>(layer.bias, 1, size.channels)));
  record.bias_length = weights.size() - record.bias_offset;
  return {};
}

format::value value_record(const tensor_type& type) {
  format::value record{};
  record.dimensions[0] = type.height, record.dimensions[1] = type.width, record.dimensions[2] = type.channels;
  record.element = static_cast<std::uint32_t>(type.type);
  record.scale = type.scale;
  record.zero_point = type.zero_point;
  return record;
}

result<network_sections> make_network(const unpacked_model& source, element type) {
  network_sections made;
  append_record(made.values, value_record(source.input));
  for (const unpacked_layer& layer : source.layers) {
    append_record(made.values, value_record(layers::output_type(layer.layer)));

    format::node record{};
    record.kind = static_cast<std::uint32_t>(layer.layer.index() + 1);
    record.inputs[0] = layer.inputs[0];
    record.inputs[1] = layers::input_count(layer.layer) == 2 ? layer.inputs[1] : format::no_value;
    record.range[0] = -std::numeric_limits<float>::infinity();
    record.range[1] = std::numeric_limits<float>::infinity();
    std::visit([&](const auto& l) { describe(record, l); }, layer.layer);

    record.name_offset = static_cast<std::uint32_t>(made.names.size());
    record.name_length = static_cast<std::uint32_t>(layer.names.size());
    record.folded_names = layer.folded_names;
    append_text(made.names, layer.names);

    if (auto r = append_weights(record, made.weights, layer, type); !r) return std::move(r).error();
    append_record(made.nodes, record);
  }
  pad_to_alignment(made.weights);
  return made;
}

bytes make_preprocessing(const unpacked_model& source) {
  format::preprocessing record{};
  record.formula = static_cast<std::uint32_t>(source.preprocessing.scaling);
  record.a = source.preprocessing.a;
  record.b = source.preprocessing.b;
  record.resize = static_cast<std::uint32_t>(source.preprocessing.resize);
  record.crop = static_cast<std::uint32_t>(source.preprocessing.crop);
  record.grey = source.input.channels == 1 ? static_cast<std::uint32_t>(source.preprocessing.grey) : 0;
  record.output = static_cast<std::uint32_t>(source.output);
  record.class_offset = source.class_offset;
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
  for (format::section& s : table)
    s.checksum =
        detail::crc32c(std::span(file).subspan(static_cast<std::size_t>(s.offset), static_cast<std::size_t>(s.length)));
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
  file.resize(file.size() + format::tail_padding);
  seal(file);
  return file;
}

// What parse() would refuse too, before anything is computed.
result<void> check_types(const unpacked_model& source) {
  std::vector<tensor_type> values{source.input};
  for (const unpacked_layer& layer : source.layers) {
    for (std::size_t i = 0; i < layers::input_count(layer.layer); ++i) {
      if (layer.inputs[i] >= values.size())
        return layer_error(layer, errc::shape_mismatch,
                           "it reads value " + std::to_string(layer.inputs[i]) + ", expected one computed before it");
      const shape expected = layers::input_type(layer.layer);
      const shape given = values[layer.inputs[i]];
      if (!(given == expected))
        return layer_error(
            layer, errc::shape_mismatch,
            "its input is " + to_string(expected) + ", expected " + to_string(given) + ", the value that it reads");
    }
    values.push_back(layers::output_type(layer.layer));
    const shape out = values.back();
    if (out.volume() == 0 || out.volume() > format::max_activation_elements)
      return layer_error(layer, errc::shape_mismatch, "its output is " + to_string(out));
  }
  return {};
}

// The self-test computes the network once.
result<void> check_work(const std::vector<unpacked_layer>& layers) {
  std::uint64_t sum = 0;
  for (const unpacked_layer& layer : layers) {
    sum += layers::work(layer.layer);
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
  const tensor_view<float> input = net->input();
  for (std::uint32_t i = 0; i < input.dimensions.elements(); ++i) input.data[i] = format::self_test_input(i);
  const auto output = net->run();
  for (std::size_t i = 0; i < output.size(); ++i)
    if (!std::isfinite(output[i]))
      return error{errc::invalid_argument,
                   "self-test: output " + std::to_string(i) + " is not finite: the weights make the network overflow"};
  return std::vector<float>(output.begin(), output.end());
}

}  // namespace

result<std::vector<std::byte>> write_packed_model(const unpacked_model& source, element weights) {
  if (source.layers.empty()) return error{errc::invalid_argument, "the network has no layers"};
  for (const unpacked_layer& layer : source.layers)
    if (auto r = check_weights(layer); !r) return std::move(r).error();
  if (auto r = check_work(source.layers); !r) return std::move(r).error();
  if (auto r = check_types(source); !r) return std::move(r).error();

  unpacked_model corrected;
  if (weights == element::f16) {
    corrected = source;
    correct_biases_for_float16(corrected);
  }
  auto network = make_network(weights == element::f16 ? corrected : source, weights);
  if (!network) return std::move(network).error();

  const bytes preprocessing = make_preprocessing(source);
  const bytes labels = make_labels(source.labels);
  bytes provenance;
  append_text(provenance, source.provenance);
  const bytes no_answer_yet(layers::output_type(source.layers.back().layer).elements() * sizeof(float));
  bytes file = lay_out({&network->values, &network->nodes, &network->names, &preprocessing, &labels, &provenance,
                        &no_answer_yet, &network->weights});

  const auto answer = self_test(file);
  if (!answer) return answer.error();
  const format::section place = read_table(file)[static_cast<std::size_t>(format::section_kind::self_test) - 1];
  std::memcpy(file.data() + place.offset, answer->data(), answer->size() * sizeof(float));
  seal(file);
  return file;
}

}  // namespace mobilenet::tools
