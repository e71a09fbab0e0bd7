# XNNPACK and its thread pool; Debian ships header and library without a package file. Defines XNNPACK::XNNPACK.
# A static XNNPACK also needs cpuinfo, which is linked where it is found.
find_path(XNNPACK_INCLUDE_DIR xnnpack.h)
find_library(XNNPACK_LIBRARY XNNPACK)
find_path(XNNPACK_pthreadpool_INCLUDE_DIR pthreadpool.h)
find_library(XNNPACK_pthreadpool_LIBRARY pthreadpool)
find_library(XNNPACK_cpuinfo_LIBRARY cpuinfo)
mark_as_advanced(XNNPACK_INCLUDE_DIR XNNPACK_LIBRARY XNNPACK_pthreadpool_INCLUDE_DIR XNNPACK_pthreadpool_LIBRARY
  XNNPACK_cpuinfo_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(XNNPACK
  REQUIRED_VARS XNNPACK_LIBRARY XNNPACK_INCLUDE_DIR XNNPACK_pthreadpool_LIBRARY XNNPACK_pthreadpool_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "XNNPACK and pthreadpool were not found (Debian: libxnnpack-dev libpthreadpool-dev)")

if(XNNPACK_FOUND AND NOT TARGET XNNPACK::XNNPACK)
  add_library(XNNPACK::XNNPACK UNKNOWN IMPORTED)
  set_target_properties(XNNPACK::XNNPACK PROPERTIES
    IMPORTED_LOCATION "${XNNPACK_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${XNNPACK_INCLUDE_DIR};${XNNPACK_pthreadpool_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${XNNPACK_pthreadpool_LIBRARY}")
  if(XNNPACK_cpuinfo_LIBRARY AND XNNPACK_LIBRARY MATCHES "\\.a$")
    set_property(TARGET XNNPACK::XNNPACK APPEND PROPERTY INTERFACE_LINK_LIBRARIES "${XNNPACK_cpuinfo_LIBRARY}")
  endif()
endif()
