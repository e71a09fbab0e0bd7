// Each component must bring its package: its headers are found and its library is linked.
#include <mobilenet/mobilenet.hpp>

#ifdef WITH_C
#include <mobilenet.h>
#endif
#ifdef WITH_CONVERT
#include <mobilenet/convert.hpp>
#endif
#ifdef WITH_DECODE
#include <mobilenet/image/decode_image.hpp>
#endif
#ifdef WITH_DECODE_TURBOJPEG
#include <turbojpeg.h>
#endif
#ifdef WITH_EIGEN
#include <Eigen/Core>
#endif
#ifdef WITH_SIMD
#include <mobilenet/backends/simd.hpp>
#endif
#ifdef WITH_XNNPACK
#include <pthreadpool.h>
#include <xnnpack.h>
#endif

#include <cstdio>

int main() {
#ifdef WITH_C
  if (mobilenet_open("no such file.mnet", 1, nullptr, nullptr) != MOBILENET_INVALID_ARGUMENT) return 1;
#endif
#ifdef WITH_CONVERT
  if (mobilenet::convert_model("no such folder")) return 1;
#endif
#ifdef WITH_DECODE
  if (mobilenet::decode_image({})) return 1;
#endif
#ifdef WITH_DECODE_TURBOJPEG
  tjDestroy(tjInitDecompress());
#endif
#ifdef WITH_SIMD
  if (!mobilenet::simd::context::create({})) return 1;
#endif
#ifdef WITH_XNNPACK
  if (xnn_initialize(nullptr) != xnn_status_success) return 1;
  pthreadpool_destroy(pthreadpool_create(1));
#endif
  const auto model = mobilenet::open_model("no such file.mnet");
  if (model) return 1;
  std::printf("%s\n", model.error().message.c_str());
}
