#include "everything.hpp"

std::string from_the_other_unit() { return open_with_every_backend(); }
