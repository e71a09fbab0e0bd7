// Decodes with exceptions; the other unit decodes without.
#include <mobilenet/image/decode_image.hpp>

#include <string>

std::string message_without_exceptions();

int main() {
  try {
    static_cast<void>(mobilenet::decode_image({}).value());
  } catch (const mobilenet::exception& e) {
    return e.what() == message_without_exceptions() ? 0 : 1;
  }
  return 1;
}
