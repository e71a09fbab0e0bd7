// All that a program can include. Two translation units do, so that a missing "inline" fails at link.
#pragma once

#include <mobilenet/mobilenet.hpp>

#ifdef MOBILENET_WITH_DECODE
#include <mobilenet/image/decode_image.hpp>
#endif
#ifdef MOBILENET_WITH_DECODE_TURBOJPEG
#include <mobilenet/image/decode_turbojpeg.hpp>
#endif
#ifdef MOBILENET_WITH_EIGEN
#include <mobilenet/backends/eigen.hpp>
#endif
#ifdef MOBILENET_WITH_SIMD
#include <mobilenet/backends/simd.hpp>
#endif
#ifdef MOBILENET_WITH_XNNPACK
#include <mobilenet/backends/xnnpack.hpp>
#endif

#include <string>

/// Uses every back end a little, so that its code is emitted. Says what goes wrong with a missing file.
template <class... Backends>
std::string open_missing_model() {
  std::string messages;
  ((messages += mobilenet::classifier<Backends>::open("missing.mnet").error().message), ...);
  return messages;
}

inline std::string open_with_every_backend() {
  return open_missing_model<mobilenet::reference
#ifdef MOBILENET_WITH_EIGEN
                            ,
                            mobilenet::eigen
#endif
#ifdef MOBILENET_WITH_SIMD
                            ,
                            mobilenet::simd
#endif
#ifdef MOBILENET_WITH_XNNPACK
                            ,
                            mobilenet::xnnpack
#endif
                            >();
}

std::string from_the_other_unit();
std::string decode_in_the_other_unit();
