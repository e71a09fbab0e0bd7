#include "cli/inspect.hpp"

#include "cli/built_in_backends.hpp"
#include "cli/open_packed.hpp"
#include "cli/profile_text.hpp"
#include "cli/text.hpp"

#include <mobilenet/model/open.hpp>
#include <mobilenet/network.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace mobilenet::tools {
namespace {

/// How far a back end's answer may be from the recorded one, as a part of the values' range (at least 1).
constexpr double tolerance = 1e-4;

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }
void print_field(std::string_view name, std::string_view value) {
  print(std::string(name) + std::string(name.size() < 15 ? 15 - name.size() : 1, ' ') + std::string(value) + "\n");
}

// ---- layers

std::string window_of(const layers::any_layer& any) {
  return std::visit(
      []<class Layer>(const Layer& layer) -> std::string {
        if constexpr (layers::windowed<Layer>)
          return std::to_string(layer.window.height) + "x" + std::to_string(layer.window.width) + " / " +
                 std::to_string(layer.window.stride);
        else
          return {};
      },
      any);
}

std::uint64_t weight_bytes(const node& n) {
  return layers::packed_kernel_elements(n.layer) * bytes_per_element(n.weights.type) +
         layers::packed_bias_elements(n.layer) * sizeof(float);
}

constexpr std::size_t table_columns = 9;
using table_row = std::array<std::string, table_columns>;

void print_table(const std::vector<table_row>& rows) {
  constexpr std::array<bool, table_columns> right_aligned{true, false, false, false, false, false, true, true, true};
  std::array<std::size_t, table_columns> width{};
  for (const table_row& row : rows)
    for (std::size_t c = 0; c < table_columns; ++c) width[c] = std::max(width[c], columns(row[c]));
  for (const table_row& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < table_columns; ++c) {
      const std::string gap(width[c] - columns(row[c]), ' ');
      line += (c == 0 ? "" : "  ") + (right_aligned[c] ? gap + row[c] : row[c] + gap);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    print(line + "\n");
  }
}

void print_layers(const packed_model& model) {
  const bool to_terminal = ::isatty(STDOUT_FILENO) != 0;  // whose lines are short; a program wants whole names
  std::vector<table_row> rows{
      {"#", "layer", "kind", "input", "output", "window", "parameters", "multiply-adds", "bytes"}};
  std::uint64_t parameters = 0;
  std::uint64_t multiply_adds = 0;
  std::uint64_t bytes = 0;
  for (const node& n : model.nodes()) {
    const auto node_parameters = layers::parameters(n.layer);
    const auto node_multiply_adds = layers::multiply_adds(n.layer);
    parameters += node_parameters;
    multiply_adds += node_multiply_adds;
    bytes += weight_bytes(n);
    rows.push_back({std::to_string(rows.size()), to_terminal ? shortened(printable(n.name()), 32) : printable(n.name()),
                    std::string(layers::kind_name(n.layer)), to_string(layers::input_type(n.layer)),
                    to_string(layers::output_type(n.layer)), window_of(n.layer), with_separators(node_parameters),
                    with_separators(node_multiply_adds), with_separators(weight_bytes(n))});
  }
  rows.push_back({"", "total", "", "", "", "", with_separators(parameters), with_separators(multiply_adds),
                  with_separators(bytes)});
  print_table(rows);
}

// ---- everything else

void print_labels(const packed_model& model) {
  constexpr std::uint32_t shown = 3;
  std::string line = model.label_count() == 0 ? "none" : with_separators(model.label_count()) + ":";
  for (std::uint32_t i = 0; i < std::min(shown, model.label_count()); ++i)
    line += (i == 0 ? " " : "; ") + shortened(printable(model.label(i)), 40);
  if (model.label_count() > shown) line += "; ...";
  print_field("labels", line);
}

void print_provenance(std::string_view text) {
  for (std::string_view name = "provenance"; !text.empty(); name = "") {
    const std::size_t end = std::min(text.find('\n'), text.size());
    print_field(name, printable(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void print_sections(const packed_model& model) {
  std::string_view name = "sections";
  for (const format::section& s : model.sections()) {
    char line[96];
    std::snprintf(line, sizeof line, "%-14s %14s bytes at %12s   crc32c %08x",
                  std::string(format::to_string(s.kind)).c_str(), with_separators(s.length).c_str(),
                  with_separators(s.offset).c_str(), s.checksum);
    print_field(name, line);
    name = "";
  }
}

void print_model(const std::string& path, const packed_model& model) {
  print_field("file", printable(path) + ", " + with_separators(model.bytes().size()) + " bytes, format version " +
                          std::to_string(format::version));
  const bool halves = std::any_of(model.nodes().begin(), model.nodes().end(),
                                  [](const node& n) { return n.weights.type == element::f16; });
  print_field("weights", halves ? "float16" : "float32");
  print_field("input", input_text(model));
  print_field("output", output_text(model));
  print_labels(model);
  print_provenance(model.provenance());
  print_sections(model);
  print("\n");
  print_layers(model);
}

// ---- --verify

/// Largest difference between what back end B answers to the self-test and what is recorded; NaN counts as infinite.
template <class B>
result<double> replay_self_test(const packed_model& model) {
  auto net = network<B>::prepare(model);
  if (!net) return std::move(net).error();
  const tensor_view<float> input = net->input();
  for (std::uint32_t i = 0; i < input.dimensions.elements(); ++i) input.data[i] = format::self_test_input(i);
  const auto found = net->run();
  const auto expected = model.self_test_output();
  double worst = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    worst = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(worst, difference);
  }
  return worst;
}

double allowed_difference(const packed_model& model) {
  const auto expected = model.self_test_output();
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  return tolerance * std::max(1.0, static_cast<double>(*high) - static_cast<double>(*low));
}

result<void> verify(const std::string& path, const packed_model& model) {
  if (auto same = model.verify_checksums(); !same) return error{same.error().code, path + ": " + same.error().message};
  print("\n");
  print_field("checksums", "all " + std::to_string(model.sections().size()) + " sections are as they were written");
  const double allowed = allowed_difference(model);
  std::string failed;
  std::string_view name = "self-test";
  for_each_backend([&]<class B>() {
    const auto worst = replay_self_test<B>(model);
    char line[96];
    if (worst)
      std::snprintf(line, sizeof line, "%-10s largest difference %.1e, %s", std::string(B::name).c_str(), *worst,
                    *worst <= allowed ? "ok" : "WRONG");
    print_field(name, worst ? line : std::string(B::name) + ": " + printable(worst.error().message));
    name = "";
    if (!worst || !(*worst <= allowed)) failed += (failed.empty() ? "" : ", ") + std::string(B::name);
  });
  if (failed.empty()) return {};
  char limit[32];
  std::snprintf(limit, sizeof limit, "%.1e", allowed);
  return error{errc::backend_failure, path + ": self-test: not within " + limit + " of the recorded output: " + failed};
}

}  // namespace

result<void> inspect(const inspect_options& options) {
  const auto model = open_packed(options.model);
  if (!model) return model.error();
  if (options.layers)
    for (const std::string_view name : layer_names(*model)) print(printable(name) + "\n");
  else
    print_model(options.model, *model);
  result<void> done;
  if (options.verify) done = verify(options.model, *model);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return error{errc::io_error, std::string("standard output: cannot write: ") + std::strerror(errno)};
  return done;
}

}  // namespace mobilenet::tools
