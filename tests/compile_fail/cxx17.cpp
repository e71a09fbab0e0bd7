// options: -std=c++17
// says: mobilenet needs C++20
#include <mobilenet/mobilenet.hpp>
