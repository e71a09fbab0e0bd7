// The unit tests' main(). Every other file here tests the header or the tool it is named after.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
