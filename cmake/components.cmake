# mobilenet::mobilenet, which needs nothing, and one target for each component, which needs its package.
# Sets mobilenet_components to those that can be had.

include(${CMAKE_CURRENT_LIST_DIR}/component_packages.cmake)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})  # FindStb, FindTurboJPEG, FindHighwayHeaders, FindXNNPACK
find_package(Threads REQUIRED GLOBAL)  # GLOBAL: a project that adds this one links it from its own folder

set(mobilenet_decode_headers image/decode_image.hpp image/detail/compiled_decoder.hpp image/detail/decode_by_format.hpp
  image/detail/stb_*.hpp)
set(mobilenet_decode_turbojpeg_headers image/decode_turbojpeg.hpp)
set(mobilenet_eigen_headers backends/eigen.hpp)
set(mobilenet_simd_headers backends/simd.hpp backends/simd/*.hpp)
set(mobilenet_xnnpack_headers backends/xnnpack.hpp)
set(all_components decode decode_turbojpeg eigen simd xnnpack)  # of headers; tools/ adds mobilenet::convert, c_interface.cmake mobilenet::c

set(wanted_components ${MOBILENET_COMPONENTS})
if(MOBILENET_COMPONENTS STREQUAL "auto")
  set(wanted_components ${all_components})
endif()
list(REMOVE_ITEM wanted_components c convert)
foreach(component IN LISTS wanted_components)
  if(NOT component IN_LIST all_components)
    list(JOIN all_components ", " expected)
    message(FATAL_ERROR "MOBILENET_COMPONENTS: found \"${component}\", expected auto or some of c, convert, ${expected}")
  endif()
endforeach()

# Every header belongs to one target: a component's to the component, all others to mobilenet::mobilenet.
set(include ${PROJECT_SOURCE_DIR}/include)
file(GLOB_RECURSE core_headers CONFIGURE_DEPENDS ${include}/mobilenet/*.hpp)
foreach(component IN LISTS all_components)
  list(TRANSFORM mobilenet_${component}_headers PREPEND ${include}/mobilenet/)
  file(GLOB mobilenet_${component}_headers CONFIGURE_DEPENDS ${mobilenet_${component}_headers})
  list(REMOVE_ITEM core_headers ${mobilenet_${component}_headers})
endforeach()

# Each header must compile alone, except *-inl.hpp, which are made to be included by others, several times.
function(mobilenet_add_header_library name)
  set(headers ${ARGN})
  list(FILTER headers EXCLUDE REGEX "-inl\\.hpp$")
  set(inline_headers ${ARGN})
  list(FILTER inline_headers INCLUDE REGEX "-inl\\.hpp$")
  add_library(mobilenet_${name} INTERFACE)
  add_library(mobilenet::${name} ALIAS mobilenet_${name})
  set_target_properties(mobilenet_${name} PROPERTIES
    EXPORT_NAME ${name}
    VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL}
    INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
  target_compile_features(mobilenet_${name} INTERFACE cxx_std_20)
  target_sources(mobilenet_${name} INTERFACE
    FILE_SET HEADERS BASE_DIRS ${include} FILES ${headers}
    FILE_SET inline_headers TYPE HEADERS BASE_DIRS ${include} FILES ${inline_headers})
endfunction()

mobilenet_add_header_library(mobilenet ${core_headers})
target_link_libraries(mobilenet_mobilenet INTERFACE Threads::Threads)

set(mobilenet_components)
foreach(component IN LISTS wanted_components)
  set(presence REQUIRED)
  if(MOBILENET_COMPONENTS STREQUAL "auto")
    set(presence QUIET)
  endif()
  if(NOT TARGET ${mobilenet_${component}_library})
    find_package(${mobilenet_${component}_package} ${presence} GLOBAL)
  endif()
  set(state "off, its package was not found")
  if(NOT mobilenet_${component}_headers)
    set(state "off, its header was not found")
  elseif(TARGET ${mobilenet_${component}_library})
    set(state "on")
    mobilenet_add_header_library(${component} ${mobilenet_${component}_headers})
    target_link_libraries(mobilenet_${component} INTERFACE mobilenet_mobilenet ${mobilenet_${component}_library})
    if(mobilenet_${component}_compiled_source)
      mobilenet_add_compiled_part(${component} ${include})
      target_link_libraries(mobilenet_${component} INTERFACE $<BUILD_INTERFACE:mobilenet_${component}_compiled>)
      target_compile_definitions(mobilenet_${component} INTERFACE ${mobilenet_${component}_compiled_macro})
    endif()
    list(APPEND mobilenet_components ${component})
  endif()
  if(PROJECT_IS_TOP_LEVEL)
    list(GET mobilenet_${component}_package 0 package)
    message(STATUS "mobilenet::${component} (${package}): ${state}")
  endif()
endforeach()
