# The install rules, for an installation prefix and for the wheel, whose prefix is the package's folder. A static and a shared
# cnnx can be in one prefix. find_package finds a build folder like an installation. The component `runtime` is what programs need
# to run, `development` what they need to be built.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(kind STREQUAL "SHARED_LIBRARY")
  set(linkage shared)
  # Versions before 1.0 are compatible only within a minor version. A wheel has no symbolic links: its library has no version.
  if(NOT CNNX_BUILD_PYTHON)
    set_target_properties(cnnx PROPERTIES VERSION ${PROJECT_VERSION}
                          SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  endif()
else()
  set(linkage static)
endif()
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/cnnx)

install(TARGETS cnnx EXPORT cnnx-${linkage}-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
if(NOT CNNX_BUILD_PYTHON) # A wheel has them among its metadata.
  foreach(component runtime development)
    install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ${component})
  endforeach()
endif()
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT cnnx-${linkage}-targets NAMESPACE cnnx:: DESTINATION ${config_folder} COMPONENT development)
export(EXPORT cnnx-${linkage}-targets NAMESPACE cnnx::
       FILE ${PROJECT_BINARY_DIR}/cnnx-${linkage}-targets.cmake)

# The libraries for linking a static cnnx without a C++ compiler.
set(CNNX_CXX_RUNTIME ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(FILTER CNNX_CXX_RUNTIME INCLUDE REGEX "^(stdc\\+\\+|c\\+\\+|c\\+\\+abi|m)$")
list(REMOVE_DUPLICATES CNNX_CXX_RUNTIME)

configure_file(${PROJECT_SOURCE_DIR}/cmake/cnnxConfig.cmake.in ${PROJECT_BINARY_DIR}/cnnxConfig.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cnnxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cnnxConfig.cmake ${PROJECT_BINARY_DIR}/cnnxConfigVersion.cmake
        DESTINATION ${config_folder} COMPONENT development)

# For pkg-config, with paths relative to the file, so that a prefix can be moved.
foreach(name LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${name}}")
    set(CNNX_PC_${name} "${CMAKE_INSTALL_${name}}")
  else()
    set(CNNX_PC_${name} "\${prefix}/${CMAKE_INSTALL_${name}}")
  endif()
endforeach()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(CNNX_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" to_prefix "${to_prefix}")
  set(CNNX_PC_PREFIX "\${pcfiledir}/${to_prefix}")
endif()
set(CNNX_PC_CFLAGS "")
if(linkage STREQUAL "static")
  set(CNNX_PC_CFLAGS " -DCNNX_STATIC")
endif()
set(CNNX_PC_LIBS_PRIVATE "")
if(CNNX_USES_OPENMP)
  set(private_libraries ${OpenMP_CXX_LIB_NAMES})
endif()
foreach(library IN LISTS private_libraries CMAKE_THREAD_LIBS_INIT CNNX_CXX_RUNTIME)
  string(REGEX REPLACE "^-l" "" library "${library}")
  string(APPEND CNNX_PC_LIBS_PRIVATE " -l${library}")
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/cmake/cnnx.pc.in ${PROJECT_BINARY_DIR}/cnnx.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cnnx.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
