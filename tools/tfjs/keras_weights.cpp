#include "tfjs/keras_weights.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace mobilenet::tools {
namespace {

std::string without_output_number(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos || colon + 1 == name.size()) return name;
  const bool number = std::all_of(name.begin() + static_cast<std::ptrdiff_t>(colon) + 1, name.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  return number ? name.substr(0, colon) : name;
}

std::string without_scope(const std::string& name) {
  const std::size_t last = name.rfind('/');
  if (last == std::string::npos || last == 0) return {};
  const std::size_t before = name.rfind('/', last - 1);
  return before == std::string::npos ? std::string() : name.substr(0, before) + name.substr(last);
}

}  // namespace

keras_weights::keras_weights(std::span<const tfjs_weight> weights) {
  entries_.reserve(weights.size());
  for (const tfjs_weight& w : weights) {
    std::string name = without_output_number(w.name);
    std::string shortened = without_scope(name);
    entries_.push_back({&w, std::move(name), std::move(shortened)});
  }
  for (entry& e : entries_) {
    by_name_[e.name].push_back(&e);
    if (!e.shortened.empty()) by_shortened_[e.shortened].push_back(&e);
    index_ends(e.name, e, by_end_);
    index_ends(e.shortened, e, by_shortened_end_);
  }
}

void keras_weights::index_ends(std::string_view name, entry& e, name_index& ends) {
  constexpr unsigned most_parts = 16;  // in front of which a model's name may stand
  std::size_t slash = name.size();
  for (unsigned part = 0; part < most_parts && slash > 0; ++part) {
    slash = name.rfind('/', slash - 1);
    if (slash == name.npos) return;
    ends[name.substr(slash + 1)].push_back(&e);
  }
}

result<keras_weights::entry*> keras_weights::find(const std::string& variable, const std::string& numbered,
                                                  const std::string& placed) {
  const std::pair<const name_index*, const std::string*> places[] = {
      {&by_name_, &variable},          {&by_shortened_, &variable}, {&by_end_, &variable},
      {&by_shortened_end_, &variable}, {&by_name_, &numbered},      {&by_name_, &placed}};
  for (const auto& [names, name] : places) {
    const auto found = names->find(*name);
    if (found == names->end()) continue;
    const std::vector<entry*>& entries = found->second;
    if (entries.size() == 1) return entries[0];
    return error{errc::invalid_argument, "weight '" + excerpt(variable) + "' may be '" +
                                             excerpt(entries[0]->weight->name) + "' or '" +
                                             excerpt(entries[1]->weight->name) + "', expected one"};
  }
  return error{errc::invalid_argument, "weight '" + excerpt(variable) + "' is missing from weightsManifest"};
}

result<std::vector<float>> keras_weights::take(const keras_layer& layer, std::string_view variable, std::size_t index,
                                               std::span<const std::uint32_t> shape) {
  const auto found = find(layer.id.name + "/" + std::string(variable), layer.id.name + "/" + std::to_string(index),
                          layer.place + "/vars/" + std::to_string(index));
  if (!found) return found.error();
  entry& e = **found;
  const std::string shown = "weight '" + excerpt(e.weight->name) + "'";
  if (e.taken) return error{errc::invalid_argument, shown + " is used by two layers"};
  if (!std::equal(shape.begin(), shape.end(), e.weight->shape.begin(), e.weight->shape.end()))
    return error{errc::shape_mismatch,
                 shown + " has shape " + to_string(e.weight->shape) + ", expected " + to_string(shape)};
  if (e.weight->integers) return error{errc::invalid_argument, shown + " holds integers, expected float32"};
  e.taken = true;
  return e.weight->values();
}

bool keras_weights::has(const keras_layer& layer, std::string_view variable) {
  return find(layer.id.name + "/" + std::string(variable), {}, {}).has_value();
}

result<void> keras_weights::check_all_taken(const std::vector<std::string>& unneeded) const {
  const auto is_unneeded = [&](const entry& e) {  // the layer's name is a part of the weight's
    return std::any_of(unneeded.begin(), unneeded.end(), [&](const std::string& layer) {
      return ("/" + e.name).find("/" + layer + "/") != std::string::npos;
    });
  };
  const auto left =
      std::find_if(entries_.begin(), entries_.end(), [&](const entry& e) { return !e.taken && !is_unneeded(e); });
  if (left == entries_.end()) return {};
  return error{errc::invalid_argument, "weight '" + excerpt(left->weight->name) + "' belongs to no layer"};
}

}  // namespace mobilenet::tools
