#include "everything.hpp"

std::string from_the_other_unit() { return open_with_every_backend(); }

#ifdef MOBILENET_WITH_DECODE
std::string decode_in_the_other_unit() { return mobilenet::decode_image({}).error().message; }
#endif
