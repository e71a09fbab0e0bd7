// The part of decode_image.hpp that is compiled once in a program that defines MOBILENET_DECODE_SEPARATE.
#ifndef MOBILENET_DECODE_SEPARATE
#define MOBILENET_DECODE_SEPARATE
#endif
#define MOBILENET_DECODE_IMPLEMENTATION
#include <mobilenet/image/detail/compiled_decoder.hpp>
