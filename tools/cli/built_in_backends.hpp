// The back ends that this program was built with, best first.
#pragma once

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

#include <string>
#include <string_view>
#include <vector>

namespace mobilenet::tools {

/// Calls visit.operator()<B>() for every back end B.
template <class Visit>
void for_each_backend(Visit&& visit) {
#if MOBILENET_WITH_SIMD
  visit.template operator()<simd>();
#endif
#if MOBILENET_WITH_XNNPACK
  visit.template operator()<xnnpack>();
#endif
#if MOBILENET_WITH_EIGEN
  visit.template operator()<eigen>();
#endif
  visit.template operator()<reference>();
}

inline std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for_each_backend([&]<class B>() { names.emplace_back(B::name); });
  return names;
}

}  // namespace mobilenet::tools
