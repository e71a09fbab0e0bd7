#include "cli/profile_text.hpp"

#include "cli/text.hpp"

#include <cmath>
#include <cstdio>

namespace mobilenet::tools {
namespace {

// " + 1", " - 1", or nothing for 0.
std::string plus(float term) {
  char text[32];
  std::snprintf(text, sizeof text, " %c %.9g", term < 0.0f ? '-' : '+', static_cast<double>(std::abs(term)));
  return term == 0.0f ? "" : text;
}

std::string scaling_text(const preprocessing& p) {
  char text[96];
  const double a = static_cast<double>(p.a);
  const double b = static_cast<double>(p.b);
  switch (p.scaling) {
    case preprocessing::formula::subtract_divide: std::snprintf(text, sizeof text, "(x - %.9g) / %.9g", a, b); break;
    case preprocessing::formula::multiply_add: std::snprintf(text, sizeof text, "x * %.9g", a); break;
    case preprocessing::formula::divide_add: std::snprintf(text, sizeof text, "x / %.9g", a); break;
  }
  return p.scaling == preprocessing::formula::subtract_divide ? text : text + plus(p.b);
}

const char* resize_text(preprocessing::resize_method method) {
  switch (method) {
    case preprocessing::resize_method::bilinear_aligned: return "resized bilinearly with aligned corners";
    case preprocessing::resize_method::bilinear_half_pixel: return "resized bilinearly with half-pixel centres";
    case preprocessing::resize_method::nearest: return "resized to the nearest pixel";
  }
  return "?";
}

const char* grey_text(preprocessing::grey_rule rule) {
  switch (rule) {
    case preprocessing::grey_rule::red: return "red alone";
    case preprocessing::grey_rule::luma: return "0.2989 red + 0.587 green + 0.114 blue";
    case preprocessing::grey_rule::mean: return "the mean of red, green and blue";
  }
  return "?";
}

}  // namespace

std::string input_text(const packed_model& model) {
  const preprocessing& p = model.preprocessing();
  std::string text = to_string(model.input_type()) + ": ";
  if (p.crop == preprocessing::crop_rule::centre_square) text += "the centre square, ";
  text += resize_text(p.resize);
  if (model.input_type().channels == 1) text += std::string(", ") + grey_text(p.grey);
  char range[64];
  std::snprintf(range, sizeof range, " (%g to %g)", static_cast<double>(p.apply(0.0f)),
                static_cast<double>(p.apply(255.0f)));
  return text + ", " + scaling_text(p) + range;
}

std::string output_text(const packed_model& model) {
  switch (model.output()) {
    case output_kind::classes:
      return with_separators(model.class_count()) + " classes" +
             (model.class_offset() != 0 ? " after 1 for \"background\", which is not ranked" : "");
    case output_kind::features: return to_string(model.output_type()) + " features";
    case output_kind::values: return to_string(model.output_type()) + " values";
  }
  return "?";
}

}  // namespace mobilenet::tools
