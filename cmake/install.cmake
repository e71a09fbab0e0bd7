# What find_package(mobilenet) and pkg-config find. All of it is text that fits every processor, except the library
# mobilenet::convert.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/mobilenet)

install(TARGETS mobilenet_mobilenet EXPORT mobilenet-targets FILE_SET HEADERS FILE_SET inline_headers)
install(EXPORT mobilenet-targets NAMESPACE mobilenet:: DESTINATION ${package_dir})
foreach(component IN LISTS mobilenet_components)
  install(TARGETS mobilenet_${component} EXPORT mobilenet-${component}-targets FILE_SET HEADERS FILE_SET inline_headers)
  install(EXPORT mobilenet-${component}-targets NAMESPACE mobilenet:: DESTINATION ${package_dir})
  if(mobilenet_${component}_compiled_source)
    cmake_path(GET mobilenet_${component}_compiled_source PARENT_PATH folder)
    install(FILES include/${mobilenet_${component}_compiled_source} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder})
  endif()
endforeach()

if(TARGET mobilenet_convert)
  install(TARGETS mobilenet_convert EXPORT mobilenet-convert-targets)
  install(EXPORT mobilenet-convert-targets NAMESPACE mobilenet:: DESTINATION ${package_dir})
  list(APPEND mobilenet_components convert)
endif()
if(TARGET mobilenet_c)
  install(TARGETS mobilenet_c EXPORT mobilenet-c-targets FILE_SET HEADERS)
  install(EXPORT mobilenet-c-targets NAMESPACE mobilenet:: DESTINATION ${package_dir})
  install(FILES include/mobilenet/compiled/c_interface.cpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mobilenet/compiled)
  list(APPEND mobilenet_components c)
endif()

configure_package_config_file(cmake/mobilenet-config.cmake.in mobilenet-config.cmake
  INSTALL_DESTINATION ${package_dir}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(mobilenet-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(
  FILES
    ${PROJECT_BINARY_DIR}/mobilenet-config.cmake
    ${PROJECT_BINARY_DIR}/mobilenet-config-version.cmake
    cmake/component_packages.cmake
    cmake/embed_model.cmake
    cmake/FindHighwayHeaders.cmake
    cmake/FindStb.cmake
    cmake/FindTurboJPEG.cmake
    cmake/FindXNNPACK.cmake
  DESTINATION ${package_dir})
install(PROGRAMS cmake/embed_model.sh DESTINATION ${package_dir})

# Relative to its own place, so that the installed tree can be moved.
file(RELATIVE_PATH pc_to_includedir ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/mobilenet.pc.in mobilenet.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mobilenet.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
file(RELATIVE_PATH pc_to_libdir ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_FULL_LIBDIR})
if(TARGET mobilenet_c)
  configure_file(cmake/mobilenet-c.pc.in mobilenet-c.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/mobilenet-c.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
endif()
if(TARGET mobilenet_convert)
  configure_file(cmake/mobilenet-convert.pc.in mobilenet-convert.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/mobilenet-convert.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
endif()

if(TARGET mobilenet)
  install(TARGETS mobilenet)
endif()
