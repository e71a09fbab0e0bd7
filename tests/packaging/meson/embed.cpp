// Prints the embedded bytes; 1 if they are not where kernels may read them.
#include "given.0.25.mnet.hpp"

#include <cstdint>
#include <cstdio>

int main() {
  const auto bytes = given_0_25();
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 64 != 0) return 1;
  std::printf("%.*s\n", static_cast<int>(bytes.size()), reinterpret_cast<const char*>(bytes.data()));
}
