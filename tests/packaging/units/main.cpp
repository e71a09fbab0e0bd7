#include "everything.hpp"

int main() { return open_with_every_backend() == from_the_other_unit() ? 0 : 1; }
