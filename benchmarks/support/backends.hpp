// Registers one benchmark for every back end that this build has.
#pragma once

#include <tests/support/backends.hpp>

#include <string>

namespace mobilenet::benchmarks {

template <class... B>
struct backend_list {};
using all_backends = backend_list<MOBILENET_TEST_BACKENDS>;

/// Calls f.template operator()<B>() for every back end.
template <class F, class... B>
void for_each_backend(F f, backend_list<B...>) {
  (f.template operator()<B>(), ...);
}
template <class F>
void for_each_backend(F f) {
  for_each_backend(f, all_backends{});
}

}  // namespace mobilenet::benchmarks
