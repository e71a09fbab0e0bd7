// The library mobilenet::convert: include/mobilenet/convert.hpp says what it does.
#include "pack/packed_model_writer.hpp"
#include "tfjs/model_files.hpp"
#include "tfjs/read_model.hpp"

#include <mobilenet/convert.hpp>
#include <mobilenet/model/packed_model.hpp>

#include <utility>

MOBILENET_NAMESPACE_BEGIN
namespace {

result<conversion> convert(const tools::model_files& files, const convert_options& options) {
  conversion made;
  const auto in_file = [&](const error& e) { return error{e.code, made.report.model_json + ": " + e.message}; };
  auto source = tools::read_model(files, options, made.report);
  if (!source) return std::move(source).error();
  auto bytes = tools::write_packed_model(*source, options.weights);
  if (!bytes) return in_file(bytes.error());
  made.bytes = *std::move(bytes);
  const auto packed = packed_model::from_bytes(made.bytes);
  if (!packed) return in_file(packed.error());
  made.report.layers = packed->nodes().size();
  for (const node& n : packed->nodes()) {
    made.report.parameters += layers::parameters(n.layer);
    made.report.multiply_adds += layers::multiply_adds(n.layer);
  }
  return made;
}

}  // namespace

result<conversion> convert_model(const std::string& path, const convert_options& options) {
  return convert(tools::folder_files(path), options);
}

result<conversion> convert_model(const deliver_file& deliver, const convert_options& options) {
  return convert(tools::delivered_files(deliver), options);
}

MOBILENET_NAMESPACE_END
