# What each component needs: the package that find_package() looks for, and the target of it that is linked.
# Read by the build and, installed, by mobilenet-config.cmake.

set(mobilenet_decode_package Stb)
set(mobilenet_decode_library Stb::Stb)

set(mobilenet_decode_turbojpeg_package TurboJPEG)
set(mobilenet_decode_turbojpeg_library TurboJPEG::TurboJPEG)

set(mobilenet_eigen_package Eigen3 NO_MODULE)  # 3.4 or later, which the header says: packages of 5 answer to no older number
set(mobilenet_eigen_library Eigen3::Eigen)

set(mobilenet_simd_package HighwayHeaders)
set(mobilenet_simd_library HighwayHeaders::HighwayHeaders)

set(mobilenet_xnnpack_package XNNPACK)
set(mobilenet_xnnpack_library XNNPACK::XNNPACK)
