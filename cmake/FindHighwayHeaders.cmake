# Google Highway's headers without its library, which Debian has only as a shared one. Defines
# HighwayHeaders::HighwayHeaders. Highway's own package file would link that library.
find_path(HighwayHeaders_INCLUDE_DIR hwy/highway.h)
mark_as_advanced(HighwayHeaders_INCLUDE_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(HighwayHeaders
  REQUIRED_VARS HighwayHeaders_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "hwy/highway.h was not found (Debian: libhwy-dev)")

if(HighwayHeaders_FOUND AND NOT TARGET HighwayHeaders::HighwayHeaders)
  add_library(HighwayHeaders::HighwayHeaders INTERFACE IMPORTED)
  set_target_properties(HighwayHeaders::HighwayHeaders PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${HighwayHeaders_INCLUDE_DIR}")
endif()
