// Whatever bytes, parsed into the tables of a packed model.
#include "target.hpp"

#include <mobilenet/model/parse.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mobilenet;
  const fuzz::packed_bytes packed(data, size);
  const std::span<const std::byte> bytes = packed.bytes();

  const auto parsed = parse(bytes);
  if (!parsed) return fuzz::check_message(parsed.error().message);
  for (std::size_t i = 0; i < parsed->nodes.size(); ++i) {
    const node& n = parsed->nodes[i];
    for (const value_id in : n.inputs) fuzz::require(in == no_value || in <= i);  // only what exists
    fuzz::read_all(std::span(n.names));
    const std::size_t kernel = layers::packed_kernel_elements(n.layer) * bytes_per_element(n.weights.type);
    fuzz::read_all(std::span(static_cast<const std::byte*>(n.weights.kernel), kernel));
  }
  return 0;
}
