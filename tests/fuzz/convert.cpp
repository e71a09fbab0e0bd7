// A TensorFlow.js model: the text of model.json, a NUL byte, and the bytes of its only shard, "w.bin".
#include "target.hpp"

#include "pack/packed_model_writer.hpp"
#include "tfjs/read_model.hpp"

#include <mobilenet/model/open.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <variant>

namespace {

using namespace mobilenet;

// In memory where the system has such a folder: thousands of models a second go through it.
struct work_folder {
  std::string path = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/mobilenet_fuzz_XXXXXX" : "/tmp/mobilenet_fuzz_XXXXXX";
  work_folder() { fuzz::require(::mkdtemp(path.data()) != nullptr); }
  ~work_folder() {
    ::unlink((path + "/model.json").c_str());
    ::unlink((path + "/w.bin").c_str());
    ::rmdir(path.c_str());
  }
  work_folder(const work_folder&) = delete;
  work_folder& operator=(const work_folder&) = delete;
};

void write(const std::string& path, std::string_view bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  fuzz::require(file != nullptr);
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const work_folder folder;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t json_end = all.find('\0');
  write(folder.path + "/model.json", all.substr(0, json_end));
  write(folder.path + "/w.bin", json_end == all.npos ? std::string_view{} : all.substr(json_end + 1));

  conversion_report report;
  const auto source = tools::read_model(tools::folder_files(folder.path), {}, report);
  if (!source) return fuzz::check_message(source.error().message);
  std::uint64_t work = 0;
  for (const auto& l : source->layers) work += layers::work(l.layer) + layers::output_type(l.layer).elements();
  if (work > 1 << 20) return 0;  // writing computes the network once
  const auto packed = tools::write_packed_model(*source);
  if (!packed) return fuzz::check_message(packed.error().message);
  const auto model = model_from_bytes(*packed, {.verify_checksums = true});
  fuzz::require(model.has_value());  // what the converter writes can be opened
  return 0;
}
