# mobilenet::c: libmobilenet, the library behind mobilenet.h, for hosts in C and in languages that call C.
if(NOT TARGET mobilenet_simd OR NOT TARGET mobilenet_decode)
  if("c" IN_LIST MOBILENET_COMPONENTS)
    message(FATAL_ERROR "MOBILENET_COMPONENTS: found \"c\" without simd and decode, which it is made of")
  endif()
  return()
endif()

add_library(mobilenet_c SHARED ${PROJECT_SOURCE_DIR}/include/mobilenet/compiled/c_interface.cpp)
add_library(mobilenet::c ALIAS mobilenet_c)
target_sources(mobilenet_c PUBLIC FILE_SET HEADERS BASE_DIRS ${include} FILES ${include}/mobilenet.h)
target_link_libraries(mobilenet_c PRIVATE mobilenet_simd mobilenet_decode $<BUILD_INTERFACE:mobilenet_flags>)
if(TARGET mobilenet_decode_turbojpeg)
  target_link_libraries(mobilenet_c PRIVATE mobilenet_decode_turbojpeg)
  target_compile_definitions(mobilenet_c PRIVATE MOBILENET_WITH_DECODE_TURBOJPEG=1)
endif()
set_target_properties(mobilenet_c PROPERTIES
  EXPORT_NAME c
  OUTPUT_NAME mobilenet
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}  # before 1.0, each minor version may change the interface
  CXX_VISIBILITY_PRESET hidden
  VISIBILITY_INLINES_HIDDEN ON
  EXCLUDE_FROM_ALL $<NOT:$<BOOL:${PROJECT_IS_TOP_LEVEL}>>)
