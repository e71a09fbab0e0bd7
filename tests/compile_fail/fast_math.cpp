// options: -O2 -ffast-math
// says: -ffast-math: the answers would differ
#include <mobilenet/mobilenet.hpp>
