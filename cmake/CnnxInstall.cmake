# One set of install rules: for a prefix of its own, and for the wheel, whose prefix is the package's folder.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/cnnx)
install(TARGETS cnnx EXPORT cnnxTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT cnnxTargets NAMESPACE cnnx:: DESTINATION ${config_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/cnnxConfig.cmake.in
                              ${CMAKE_CURRENT_BINARY_DIR}/cnnxConfig.cmake INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/cnnxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cnnxConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/cnnxConfigVersion.cmake
        DESTINATION ${config_folder})
