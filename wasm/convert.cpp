#include "module.hpp"

#include <mobilenet/convert.hpp>

#include "failure.hpp"

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace mobilenet;

std::map<std::string, std::vector<std::byte>> files;
convert_options options;
conversion made;
wasm::bytes_view converted_view;

result<std::vector<std::byte>> deliver(const std::string& name) {
  const auto found = files.find(name);
  if (found == files.end()) return error{errc::io_error, "the file was not given"};
  return found->second;
}

std::string text(const void* data, std::size_t size) { return {static_cast<const char*>(data), size}; }

}  // namespace

void mobilenet_wasm_add_file(const void* name, std::size_t name_size, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  files[text(name, name_size)].assign(bytes, bytes + size);
}

void mobilenet_wasm_set_labels(const void* labels, std::size_t size) { options.labels = text(labels, size); }
void mobilenet_wasm_set_output(const void* name, std::size_t size) { options.output = text(name, size); }
void mobilenet_wasm_set_range(float low, float high) { options.range = input_range{low, high}; }
void mobilenet_wasm_set_input_size(std::uint32_t pixels) { options.input_size = pixels; }

wasm::status mobilenet_wasm_set_application(std::uint32_t like) {
  if (like > static_cast<std::uint32_t>(application::teachable_machine))
    return wasm::fail(
        {errc::invalid_argument, "convert: application is " + std::to_string(like) + ", expected 0 to 2"});
  options.like = static_cast<application>(like);
  return 0;
}

wasm::status mobilenet_wasm_set_kind(std::uint32_t kind) {
  if (kind > static_cast<std::uint32_t>(output_kind::values))
    return wasm::fail({errc::invalid_argument, "convert: kind is " + std::to_string(kind) + ", expected 0 to 2"});
  options.kind = static_cast<output_kind>(kind);
  return 0;
}

wasm::status mobilenet_wasm_convert() {
  auto done = convert_model(deliver, options);
  files.clear();
  options = {};
  if (!done) return wasm::fail(done.error());
  made = *std::move(done);
  return 0;
}

const wasm::bytes_view* mobilenet_wasm_converted() {
  converted_view = {made.bytes.data(), made.bytes.size()};
  return &converted_view;
}
