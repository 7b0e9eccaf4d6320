# cnnx_add_wasm_module(): cnnx.wasm for the Python package, by a build of this project with emscripten, where its compiler emcc is
# found and works. `cnnx playground` puts the module into pages.
function(cnnx_add_wasm_module)
  find_program(CNNX_EMCC emcc)
  if(NOT CNNX_EMCC)
    message(STATUS "emcc is missing: the package gets no WebAssembly module")
    return()
  endif()
  set(probe ${CMAKE_CURRENT_BINARY_DIR}/emcc_probe)
  file(WRITE ${probe}.cpp "int main() { return 0; }\n")
  execute_process(COMMAND ${CNNX_EMCC} -c ${probe}.cpp -o ${probe}.o RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    message(WARNING "${CNNX_EMCC} cannot compile: the package gets no WebAssembly module")
    return()
  endif()
  include(ExternalProject)
  # A launcher with arguments is a list.
  string(REPLACE ";" "|" launcher "${CMAKE_CXX_COMPILER_LAUNCHER}")
  ExternalProject_Add(wasm_module
    SOURCE_DIR ${PROJECT_SOURCE_DIR}
    BINARY_DIR ${CMAKE_CURRENT_BINARY_DIR}/wasm_module
    CMAKE_ARGS -DCMAKE_TOOLCHAIN_FILE=${PROJECT_SOURCE_DIR}/cmake/wasm.cmake -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF
               -DCMAKE_CXX_COMPILER_LAUNCHER=${launcher}
    LIST_SEPARATOR |
    BUILD_COMMAND ${CMAKE_COMMAND} --build <BINARY_DIR> --target cnnx_wasm
    BUILD_ALWAYS ON
    BUILD_BYPRODUCTS <BINARY_DIR>/cpp/wasm/cnnx.wasm
    INSTALL_COMMAND "")
  ExternalProject_Get_Property(wasm_module BINARY_DIR)
  install(FILES ${BINARY_DIR}/cpp/wasm/cnnx.wasm DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT python)
endfunction()
