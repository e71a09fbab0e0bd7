#include <mobilenet/image/decode_image.hpp>

#include <string>

std::string message_without_exceptions() { return mobilenet::decode_image({}).error().message; }
