// Whatever bytes, parsed into the tables of a packed model.
#include "target.hpp"

#include <mobilenet/model/parse.hpp>

#include <cstring>
#include <memory>
#include <new>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mobilenet;
  // Exactly as long as the input, so that no byte past the end goes unnoticed.
  constexpr std::align_val_t alignment{format::alignment};
  const auto release = [](std::byte* memory) { ::operator delete(memory, alignment); };
  const std::unique_ptr<std::byte, decltype(release)> storage(static_cast<std::byte*>(::operator new(size, alignment)),
                                                              release);
  const std::span<std::byte> bytes(storage.get(), size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  fuzz::repair_header(bytes);

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
