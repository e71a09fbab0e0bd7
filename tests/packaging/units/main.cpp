#include "everything.hpp"

int main() {
#ifdef MOBILENET_WITH_DECODE
  if (mobilenet::decode_image({}).error().message != decode_in_the_other_unit()) return 1;
#endif
  return open_with_every_backend() == from_the_other_unit() ? 0 : 1;
}
