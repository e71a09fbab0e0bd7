// A packed model with whatever fields: opened, and computed on the back ends of the build if that costs little.
#include "target.hpp"

#include <mobilenet/backends/reference.hpp>
#if MOBILENET_WITH_EIGEN
#include <mobilenet/backends/eigen.hpp>
#endif
#if MOBILENET_WITH_SIMD
#include <mobilenet/backends/simd.hpp>
#endif
#if MOBILENET_WITH_XNNPACK
#include <mobilenet/backends/xnnpack.hpp>
#endif
#include <mobilenet/labels.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/network.hpp>

#include <algorithm>
#include <variant>

namespace {

using namespace mobilenet;

template <backend B>
void compute(const packed_model& model) {
  auto network = mobilenet::network<B>::prepare(model);
  if (!network) return static_cast<void>(fuzz::check_message(network.error().message));
  const std::span<float> input{network->input().data, network->input_type().elements()};
  for (std::uint32_t i = 0; i < input.size(); ++i) input[i] = format::self_test_input(i);
  const auto output = network->run();
  fuzz::read_all(output);
  if (model.output() == output_kind::classes)
    for (const prediction& p : top_k(model, output, 5)) fuzz::read_all(std::span(p.class_name));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::packed_bytes packed(data, size);
  const std::span<const std::byte> bytes = packed.bytes();

  const auto model = packed_model::from_bytes(bytes);
  if (!model) return fuzz::check_message(model.error().message);
  static_cast<void>(model->verify_checksums());
  fuzz::read_all(std::span(model->provenance()));
  for (std::uint32_t i = 0; i < model->label_count(); ++i) fuzz::read_all(std::span(model->label(i)));
  std::uint64_t work = model->input_type().elements();
  for (const node& n : model->nodes()) work += layers::work(n.layer) + layers::output_type(n.layer).elements();
  if (work > 1 << 20) return 0;
  compute<reference>(*model);
#if MOBILENET_WITH_EIGEN
  compute<eigen>(*model);
#endif
#if MOBILENET_WITH_SIMD
  compute<simd>(*model);
#endif
#if MOBILENET_WITH_XNNPACK
  compute<xnnpack>(*model);
#endif
  return 0;
}
