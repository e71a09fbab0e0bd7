// The bytes of a packed model (.mnet): docs/format.md is the specification, this is its short form. All numbers are
// little endian.
//
//   0    header (64 bytes)            magic, byte-order mark, version, lengths, checksum of header and table
//   64   section table                one entry of 32 bytes per section: kind, CRC-32C, offset, length
//   ...  sections                     each at a multiple of 64, in the order of the table
//          values           records of 32 bytes: the types of all values, the network's input first
//          nodes            records of 128 bytes, in the order of execution; node i computes value i + 1
//          layer_names      the tfjs layer names that each node represents
//          preprocessing    how pixels become the input; which outputs are classes
//          labels           class names
//          provenance       where the model came from, as text
//          self_test        what the reference back end answered to the synthetic input
//          weights          kernels as panels of 16 output channels, biases; every array at a multiple of 64
//   ...  16 bytes of padding          so that vector reads may pass the end of the last array
#pragma once

#include <mobilenet/namespace.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

MOBILENET_NAMESPACE_BEGIN
namespace format {

/// Not text, and with both line endings: a transfer that "repairs" either breaks the magic and is noticed.
inline constexpr std::array<std::uint8_t, 8> magic{0x89, 'M', 'N', 'E', 'T', '\r', '\n', 0x1a};
inline constexpr std::uint32_t byte_order_mark = 0x01020304;
inline constexpr std::uint32_t version = 2;
inline constexpr std::size_t alignment = 64;
inline constexpr std::size_t tail_padding = 16;

struct header {
  std::array<std::uint8_t, 8> magic;
  std::uint32_t byte_order_mark;
  std::uint32_t version;
  std::uint64_t file_length;  ///< bytes, the padding at the end included
  std::uint32_t section_count;
  std::uint32_t checksum;     ///< CRC-32C of header and section table, this field taken as 0
  std::uint8_t reserved[32];  ///< 0
};
static_assert(sizeof(header) == 64);

enum class section_kind : std::uint32_t {
  values = 1,
  nodes = 2,
  layer_names = 3,
  preprocessing = 4,
  labels = 5,
  provenance = 6,
  self_test = 7,
  weights = 8,
};
inline constexpr std::size_t section_kinds = 8;

constexpr std::string_view to_string(section_kind kind) noexcept {
  constexpr std::array<std::string_view, section_kinds + 1> names{
      "?", "values", "nodes", "layer_names", "preprocessing", "labels", "provenance", "self_test", "weights"};
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

/// The type of one value.
struct value {
  std::uint32_t dimensions[3];  ///< height, width, channels
  std::uint32_t element;        ///< mobilenet::element
  float scale;                  ///< real = scale * (stored - zero_point); 1 for floats
  std::int32_t zero_point;      ///< 0 for floats
  std::uint32_t reserved[2];    ///< 0
};
static_assert(sizeof(value) == 32);

/// One layer. Fields that a kind has no use for are 0 (range: -inf, inf; second input: none).
struct node {
  std::uint32_t kind;       ///< 1 + the index in layers::any_layer
  std::uint32_t inputs[2];  ///< values
  std::uint32_t kernel[2];  ///< height, width
  std::uint32_t stride;
  std::uint32_t pad[4];    ///< top, left, bottom, right
  float range[2];          ///< low, high
  std::uint32_t function;  ///< layers::function
  float alpha;
  std::uint32_t name_offset;  ///< into layer_names: names separated by '\n', in order of execution
  std::uint32_t name_length;
  std::uint32_t folded_names;    ///< the first `folded_names` no longer have an activation
  std::uint32_t weight_element;  ///< mobilenet::element of the kernel; biases are float32
  std::uint64_t kernel_offset;   ///< into weights
  std::uint64_t kernel_length;   ///< bytes
  std::uint64_t bias_offset;     ///< into weights
  std::uint64_t bias_length;     ///< bytes
  std::uint64_t scales_offset;   ///< into weights; for weights of integers
  std::uint64_t scales_length;   ///< bytes
  std::uint64_t reserved;        ///< 0
};
static_assert(sizeof(node) == 128);
inline constexpr std::uint32_t no_value = 0xffffffff;

struct preprocessing {
  std::uint32_t formula;  ///< mobilenet::preprocessing::formula
  float a;
  float b;
  std::uint32_t output;        ///< mobilenet::output_kind
  std::uint32_t class_offset;  ///< outputs before this one are not classes ("background") and are not ranked
  std::uint32_t resize;        ///< mobilenet::preprocessing::resize_method
  std::uint32_t crop;          ///< mobilenet::preprocessing::crop_rule
  std::uint32_t grey;          ///< mobilenet::preprocessing::grey_rule; 0 for an input of three channels
  std::uint32_t reserved[8];   ///< 0
};
static_assert(sizeof(preprocessing) == 64);

// Limits for untrusted files: no integer overflow, bounded memory, bounded compute. MobileNet v1 takes two thirds of
// the work for a picture of 2048x2048.
inline constexpr std::uint32_t max_dimension = 1u << 20;
inline constexpr std::uint64_t max_activation_elements = 1ull << 28;  ///< of one value, channels in blocks of 16
inline constexpr std::uint64_t max_live_elements = 1ull << 29;        ///< of all values that exist at one time
inline constexpr std::uint64_t max_work = 1ull << 36;                 ///< multiply-adds, and values read
inline constexpr std::uint32_t max_nodes = 4096;

/// Element i of the self-test's input, NHWC: multiples of 2^-15 in [-1, 1), exact in float32.
constexpr float self_test_input(std::uint32_t i) noexcept {
  return static_cast<float>((i * 2654435761u) >> 16) / 32768.0f - 1.0f;
}

}  // namespace format
MOBILENET_NAMESPACE_END
