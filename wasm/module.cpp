#include "module.hpp"

#include <mobilenet/backends/simd.hpp>
#include <mobilenet/image/decode_image.hpp>
#include <mobilenet/labels.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/network.hpp>
#include <mobilenet/preprocess.hpp>

#include "failure.hpp"

#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace mobilenet;
using wasm::quantity;
using wasm::status;

// Members are destroyed in reverse order; in practice none is, because the instance ends with its memory.
struct open_model {
  packed_model model;
  network<simd> prepared;
  preprocessor preprocess;
  std::array<std::optional<std::size_t>, wasm::quantities> wanted;  // places among the network's values
  wasm::model_facts facts;
};

std::optional<open_model> current;
image decoded_image;
wasm::pixels decoded_pixels;
std::vector<wasm::ranked_class> ranked;

/// The value that the last softmax reads, or the output.
value_id scores_of(const packed_model& model) {
  const node& last = model.nodes().back();
  return std::holds_alternative<layers::softmax>(last.layer) ? last.inputs[0] : model.output_value();
}

wasm::model_facts facts_of(const packed_model& model, const network<simd>& net,
                           const std::array<std::optional<std::size_t>, wasm::quantities>& wanted) {
  const shape in = model.input_type();
  const shape out = model.output_type();
  wasm::model_facts facts{.input_height = in.height,
                          .input_width = in.width,
                          .input_channels = in.channels,
                          .output_kind = static_cast<std::uint32_t>(model.output()),
                          .class_offset = model.class_offset(),
                          .class_count = model.class_count(),
                          .label_count = model.label_count(),
                          .lengths = {},
                          .output_height = out.height,
                          .output_width = out.width,
                          .output_channels = out.channels};
  for (std::size_t i = 0; i < wasm::quantities; ++i)
    if (wanted[i]) facts.lengths[i] = static_cast<std::uint32_t>(net.value(*wanted[i]).size());
  return facts;
}

result<open_model> open(std::span<const std::byte> bytes, packed_model::owner owner) {
  auto model = packed_model::from_bytes(bytes, std::move(owner));
  if (!model) return std::move(model).error();
  std::vector<value_id> values{model->output_value(), scores_of(*model)};
  std::array<std::optional<std::size_t>, wasm::quantities> wanted{0, 1, std::nullopt};
  if (const auto embedding = model->embedding_value()) {
    wanted[static_cast<std::size_t>(quantity::embedding)] = values.size();
    values.push_back(*embedding);
  }
  auto net = network<simd>::prepare(*model, {}, values);
  if (!net) return std::move(net).error();
  const wasm::model_facts facts = facts_of(*model, *net, wanted);
  preprocessor preprocess(model->preprocessing());
  return open_model{*std::move(model), *std::move(net), std::move(preprocess), wanted, facts};
}

}  // namespace

void* mobilenet_wasm_allocate(std::size_t bytes) {
  constexpr std::size_t alignment = buffer::alignment;
  if (bytes > 0u - 2 * alignment) return nullptr;
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
void mobilenet_wasm_release(void* memory) { std::free(memory); }

status mobilenet_wasm_open(void* model, std::size_t size) {
  packed_model::owner owner(model, std::free);
  if (current) return wasm::fail({errc::invalid_argument, "open: a model is open already"});
  auto opened = open({static_cast<const std::byte*>(model), size}, std::move(owner));
  if (!opened) return wasm::fail(opened.error());
  current.emplace(*std::move(opened));
  return 0;
}

const wasm::model_facts* mobilenet_wasm_facts() { return current ? &current->facts : nullptr; }

const wasm::bytes_view* mobilenet_wasm_label(std::uint32_t class_index) {
  static wasm::bytes_view view;
  const std::string_view name = current ? current->model.label(class_index) : std::string_view();
  view = {name.data(), name.size()};
  return &view;
}

status mobilenet_wasm_decode(const void* file, std::size_t size, std::uint32_t upright, std::uint32_t alpha,
                             double max_pixels) {
  mobilenet_wasm_drop_pixels();
  if (alpha > 2)
    return wasm::fail({errc::invalid_argument, "decode: alpha is " + std::to_string(alpha) + ", expected 0 to 2"});
  if (!(max_pixels >= 1 && max_pixels <= 0x1p53))
    return wasm::fail({errc::invalid_argument, "decode: max_pixels: expected a number from 1 to 2^53"});
  auto decoded =
      decode_image({static_cast<const std::byte*>(file), size}, {.max_pixels = static_cast<std::uint64_t>(max_pixels),
                                                                 .apply_exif_orientation = upright != 0,
                                                                 .alpha = static_cast<alpha_mode>(alpha)});
  if (!decoded) return wasm::fail(decoded.error());
  decoded_image = *std::move(decoded);
  decoded_pixels = {decoded_image.data(), decoded_image.width(), decoded_image.height()};
  return 0;
}

const wasm::pixels* mobilenet_wasm_decoded() { return &decoded_pixels; }

void mobilenet_wasm_drop_pixels() {
  decoded_image = image();
  decoded_pixels = {};
}

status mobilenet_wasm_preprocess(const void* pixels, std::uint32_t width, std::uint32_t height, std::uint32_t format) {
  if (!current) return wasm::fail({errc::invalid_argument, "preprocess: no model is open"});
  if (format > static_cast<std::uint32_t>(pixel_format::grey))
    return wasm::fail(
        {errc::invalid_argument, "preprocess: format is " + std::to_string(format) + ", expected 0 to 4"});
  const image_view view =
      packed_view(static_cast<const std::uint8_t*>(pixels), width, height, static_cast<pixel_format>(format));
  if (auto done = current->preprocess(view, current->prepared.input()); !done) return wasm::fail(done.error());
  return 0;
}

float* mobilenet_wasm_input() { return current ? current->prepared.input().data : nullptr; }

const float* mobilenet_wasm_compute(std::uint32_t what) {
  if (!current || what >= wasm::quantities || !current->wanted[what]) return nullptr;
  return current->prepared.run_for(*current->wanted[what]).data();
}

const wasm::ranked_class* mobilenet_wasm_top(std::uint32_t count, std::uint32_t* found) {
  ranked.clear();
  if (current && current->facts.class_count != 0)
    for (const prediction& p : top_k(current->model, current->prepared.value(0), count))
      ranked.push_back({p.class_index, p.probability});
  *found = static_cast<std::uint32_t>(ranked.size());
  return ranked.data();
}
