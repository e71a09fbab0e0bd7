# What each component needs: the package that find_package() looks for, and the target of it that is linked.
# Read by the build and, installed, by mobilenet-config.cmake.

# Libraries of their own: what they are built with is not needed to use them.
set(mobilenet_c_package Threads)
set(mobilenet_c_library Threads::Threads)
set(mobilenet_convert_package Threads)
set(mobilenet_convert_library Threads::Threads)

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

# The part of a component that is compiled once for a whole build: the source under the include folder, the macro that
# makes the component's header declare it only, and the level of optimisation. -O3 makes the kernels 80 KB larger and no
# faster. Of -O3 the decoder of PNG needs g++'s limits for inlining: without them it takes up to a sixth longer, and the
# rest of -O3 is 54 KB for 0 to 6 %.
set(mobilenet_decode_compiled_source mobilenet/compiled/decode.cpp)
set(mobilenet_decode_compiled_macro MOBILENET_DECODE_SEPARATE)
set(mobilenet_decode_compiled_optimisation -O2
  "$<$<CXX_COMPILER_ID:GNU>:--param=max-inline-insns-auto=30;--param=inline-min-speedup=15>")
set(mobilenet_simd_compiled_source mobilenet/compiled/simd.cpp)
set(mobilenet_simd_compiled_macro MOBILENET_SIMD_SEPARATE)
set(mobilenet_simd_compiled_optimisation -O2)

# mobilenet_add_compiled_part(<component> <include folder>)
#
# Adds the static library mobilenet_<component>_compiled, unless another folder of the build did. It is built when a
# target links it, and optimised whatever the build type is: kernels at -O0 take twenty times as long. The package's
# include folders are copied, because a package's targets are known in one folder only.
function(mobilenet_add_compiled_part component include)
  set(library mobilenet_${component}_compiled)
  if(TARGET ${library})
    return()
  endif()
  add_library(${library} STATIC EXCLUDE_FROM_ALL ${include}/${mobilenet_${component}_compiled_source})
  target_compile_features(${library} PRIVATE cxx_std_20)
  target_compile_options(${library} PRIVATE ${mobilenet_${component}_compiled_optimisation})
  target_include_directories(${library} PRIVATE ${include})
  get_target_property(folders ${mobilenet_${component}_library} INTERFACE_INCLUDE_DIRECTORIES)
  if(folders)
    target_include_directories(${library} SYSTEM PRIVATE ${folders})
  endif()
  set_target_properties(${library} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
