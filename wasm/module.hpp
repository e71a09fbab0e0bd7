// mobilenet.wasm: one model, as a WebAssembly module with a C interface.
//
// The host instantiates the module once for each model and calls its exports by the names below. A pointer is an offset
// into the exported memory; the host writes arguments there and reads results from there. The order of the calls:
//
//   allocate ▸ write the .mnet ▸ open                          once
//   allocate ▸ write a file ▸ decode ▸ preprocess ▸ compute    for each image; or without decode for pixels
//
// A function that can fail returns 0, or 1 plus an errc; message() and code() describe the failure. The module
// imports what WASI requires of the C library, of which nothing is needed to compute. A trap means that memory
// ran out inside a container (out_of_memory() is then not 0) or a defect; the instance is then unusable.
#pragma once

#include <cstddef>
#include <cstdint>

#define MOBILENET_WASM_EXPORT(name) extern "C" __attribute__((export_name(#name)))

namespace mobilenet::wasm {

using status = std::uint32_t;

/// Pixels in the module's memory.
struct pixels {
  const std::uint8_t* data;
  std::uint32_t width;
  std::uint32_t height;
};

/// What compute() can compute.
enum class quantity : std::uint32_t {
  output = 0,     ///< the model's output: probabilities for a model of classes
  scores = 1,     ///< what the last softmax reads; the output if the model does not end in a softmax
  embedding = 2,  ///< the pooling before the class scores
};
inline constexpr std::size_t quantities = 3;

/// What a host needs to know of the open model. Lengths are numbers of float32; 0: the model does not have it.
struct model_facts {
  std::uint32_t input_height, input_width, input_channels;
  std::uint32_t output_kind;   ///< mobilenet::output_kind
  std::uint32_t class_offset;  ///< outputs before this one are not classes
  std::uint32_t class_count;
  std::uint32_t label_count;
  std::uint32_t lengths[quantities];
  std::uint32_t output_height, output_width, output_channels;
};

/// One class of top().
struct ranked_class {
  std::uint32_t index;  ///< counted from class_offset
  float probability;
};

/// Text or bytes in the module's memory.
struct bytes_view {
  const void* data;
  std::size_t size;
};

}  // namespace mobilenet::wasm

// ---- memory and failures

/// Memory for the host, aligned to 64 bytes; null if the memory cannot grow.
MOBILENET_WASM_EXPORT(allocate) void* mobilenet_wasm_allocate(std::size_t bytes);
MOBILENET_WASM_EXPORT(release) void mobilenet_wasm_release(void* memory);
/// The last failure's message, and its errc by name ("invalid_image"). Valid until the next call.
MOBILENET_WASM_EXPORT(message) const mobilenet::wasm::bytes_view* mobilenet_wasm_message();
MOBILENET_WASM_EXPORT(code) const mobilenet::wasm::bytes_view* mobilenet_wasm_code();
/// Bytes of the allocation that ended the instance; 0 if memory did not run out.
MOBILENET_WASM_EXPORT(out_of_memory) std::size_t mobilenet_wasm_out_of_memory();

// ---- the model

/// Opens a packed model and prepares the simd back end. Takes over the memory, also if it fails.
/// model    from allocate()
/// errors   those of packed_model::from_bytes and network::prepare; invalid_argument: a model is open already
MOBILENET_WASM_EXPORT(open) mobilenet::wasm::status mobilenet_wasm_open(void* model, std::size_t size);
/// Valid while the instance lives.
MOBILENET_WASM_EXPORT(facts) const mobilenet::wasm::model_facts* mobilenet_wasm_facts();
/// The name of a class, UTF-8. Valid until the next call.
MOBILENET_WASM_EXPORT(label) const mobilenet::wasm::bytes_view* mobilenet_wasm_label(std::uint32_t class_index);

// ---- an image

/// Decodes JPEG, PNG or BMP to RGB. The pixels are released by the next decode() or by drop_pixels().
/// upright     not 0: rotate by the EXIF orientation
/// alpha       mobilenet::alpha_mode
/// max_pixels  images of more are refused
/// errors      those of decode_image
MOBILENET_WASM_EXPORT(decode)
mobilenet::wasm::status mobilenet_wasm_decode(const void* file, std::size_t size, std::uint32_t upright,
                                              std::uint32_t alpha, double max_pixels);
/// The decoded pixels; data is null before decode() and after drop_pixels().
MOBILENET_WASM_EXPORT(decoded) const mobilenet::wasm::pixels* mobilenet_wasm_decoded();
MOBILENET_WASM_EXPORT(drop_pixels) void mobilenet_wasm_drop_pixels();

/// Fills the network's input from pixels without gaps between rows.
/// format   mobilenet::pixel_format
/// errors   invalid_argument: no model is open, or those of preprocessor
MOBILENET_WASM_EXPORT(preprocess)
mobilenet::wasm::status mobilenet_wasm_preprocess(const void* pixels, std::uint32_t width, std::uint32_t height,
                                                  std::uint32_t format);
/// The network's input, NHWC float32, for a host that fills it itself; null if no model is open.
MOBILENET_WASM_EXPORT(input) float* mobilenet_wasm_input();

/// Computes a quantity of the input; facts()->lengths[what] float32 values, valid until the next call. Null if the
/// model does not have it. what     mobilenet::wasm::quantity
MOBILENET_WASM_EXPORT(compute) const float* mobilenet_wasm_compute(std::uint32_t what);
/// The `count` most probable classes of the last compute(output), most probable first; fewer if there are fewer.
/// found    gets their number
MOBILENET_WASM_EXPORT(top)
const mobilenet::wasm::ranked_class* mobilenet_wasm_top(std::uint32_t count, std::uint32_t* found);

// ---- a TensorFlow.js model to a packed model
//
//   allocate ▸ write a file ▸ add_file       for each file, model.json first or last
//   set_labels, set_…                        what convert_options have, as far as the host wants
//   convert ▸ read converted()
//
// Files take memory that the instance then keeps: a host converts in one instance and opens the result in another.

/// Keeps a copy of a file under the name that model.json has for it.
MOBILENET_WASM_EXPORT(add_file)
void mobilenet_wasm_add_file(const void* name, std::size_t name_size, const void* data, std::size_t size);
/// Class names as a text that convert_options::labels describes.
MOBILENET_WASM_EXPORT(set_labels) void mobilenet_wasm_set_labels(const void* labels, std::size_t size);
/// Which output, for a model with several.
MOBILENET_WASM_EXPORT(set_output) void mobilenet_wasm_set_output(const void* name, std::size_t size);
/// The values of black and white pixels.
MOBILENET_WASM_EXPORT(set_range) void mobilenet_wasm_set_range(float low, float high);
/// Height and width of an input whose size the model leaves open.
MOBILENET_WASM_EXPORT(set_input_size) void mobilenet_wasm_set_input_size(std::uint32_t pixels);
/// like     mobilenet::application
MOBILENET_WASM_EXPORT(set_application) mobilenet::wasm::status mobilenet_wasm_set_application(std::uint32_t like);
/// kind     mobilenet::output_kind
MOBILENET_WASM_EXPORT(set_kind) mobilenet::wasm::status mobilenet_wasm_set_kind(std::uint32_t kind);
/// Converts the files that were added, then forgets them and what was set.
/// errors   those of mobilenet::convert_model()
MOBILENET_WASM_EXPORT(convert) mobilenet::wasm::status mobilenet_wasm_convert();
/// The packed model that convert() made; valid until the next convert().
MOBILENET_WASM_EXPORT(converted) const mobilenet::wasm::bytes_view* mobilenet_wasm_converted();
