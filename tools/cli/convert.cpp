#include "cli/convert.hpp"

#include "cli/profile_text.hpp"
#include "cli/read_input.hpp"
#include "cli/text.hpp"
#include "cli/write_file.hpp"

#include <mobilenet/model/open.hpp>

#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace mobilenet::tools {
namespace {

constexpr std::size_t longest_labels = 16u << 20;

// The same file under whatever name.
bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code not_there;
  return std::filesystem::equivalent(a, b, not_there);
}

result<void> add_labels(const std::string& path, convert_options& options) {
  if (path.empty()) return {};
  const auto bytes = read_input(path, longest_labels);
  if (!bytes) return error{bytes.error().code, path + ": " + bytes.error().message};
  options.labels = std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  options.labels_name = path;
  return {};
}

result<void> check_output(const convert_command& command, const conversion_report& report) {
  for (const std::string& file : report.files)
    if (is_same_file(command.output, file))
      return error{errc::invalid_argument,
                   command.output + ": is a file of the model that is to be converted, expected another name"};
  return {};
}

void print_row(const char* name, const std::string& value) {
  std::printf("%-10s %s\n", name, printable(value).c_str());
}

}  // namespace

result<conversion> convert(const convert_command& command) {
  if (!command.labels.empty() && is_same_file(command.output, command.labels))
    return error{errc::invalid_argument, command.output + ": is the list of class names, expected another name"};
  convert_options options = command.options;
  if (auto read = add_labels(command.labels, options); !read) return std::move(read).error();
  auto made = convert_model(command.input, options);
  if (!made) return made;
  if (auto ok = check_output(command, made->report); !ok) return std::move(ok).error();
  if (auto written = write_file(command.output, made->bytes); !written) return std::move(written).error();
  return made;
}

void print(const convert_command& command, const conversion& made) {
  const conversion_report& report = made.report;
  const packed_model model = model_from_bytes(made.bytes).value();
  print_row("read", report.model_json);
  print_row("", report.form + (report.name.empty() ? "" : " \"" + report.name + "\"") + ", " +
                    with_separators(report.source_layers) + " layers, " + with_separators(report.source_weights) +
                    " weights, " + with_separators(report.shards) + " shards of " +
                    with_separators(report.weight_bytes) + " bytes");
  print_row("wrote", command.output + ", " + with_separators(made.bytes.size()) + " bytes");
  print_row("", with_separators(report.layers) + " layers, " + with_separators(report.parameters) + " parameters (" +
                    (command.options.weights == element::f16 ? "float16" : "float32") + "), " +
                    with_separators(report.multiply_adds) + " multiply-adds");
  print_row("input", input_text(model));
  print_row("output", output_text(model));
  if (model.output() == output_kind::classes)
    print_row("labels", report.labels.empty() ? "none: classes will be shown by number (--labels gives them names)"
                                              : report.labels);
  for (const std::string& note : report.notes) print_row("note", note);
}

}  // namespace mobilenet::tools
