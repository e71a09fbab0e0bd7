// Names what is in a photo, and handles each failure where it happens: no exceptions needed.
//
//   name_image model.mnet photo.jpg
#include <mobilenet/backends/simd.hpp>
#include <mobilenet/image/decode_image.hpp>
#include <mobilenet/mobilenet.hpp>

#include <iostream>

namespace {

int report(const mobilenet::error& e) {
  std::cerr << e.message << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " model.mnet photo.jpg\n";
    return 2;
  }
  auto classifier = mobilenet::classifier<mobilenet::simd>::open(argv[1]);
  if (!classifier) return report(classifier.error());
  const auto file = mobilenet::mapped_file::open(argv[2]);
  if (!file) return report(file.error());
  const auto photo = mobilenet::decode_image(file->bytes());
  if (!photo) return report(photo.error());
  const auto best = classifier->classify(*photo, 1);
  if (!best) return report(best.error());
  if (!best->empty()) std::cout << best->front().class_name << '\n';
}
