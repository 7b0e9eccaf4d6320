# The WebAssembly module cnnx.wasm: how it is linked, and its build within that of the Python package.
set(CNNX_WASM_LINK_OPTIONS -O2 --no-entry -sALLOW_MEMORY_GROWTH=1 -sSTACK_SIZE=1MB)

# cnnx_add_wasm_module(): the module for the Python package, by a build of this project with emscripten, where its compiler emcc is
# found and knows the options. `cnnx playground` puts the module into pages.
function(cnnx_add_wasm_module)
  find_program(CNNX_EMCC emcc)
  if(NOT CNNX_EMCC)
    message(STATUS "emcc is missing: the package gets no WebAssembly module")
    return()
  endif()
  set(probe ${CMAKE_CURRENT_BINARY_DIR}/emcc_probe)
  file(WRITE ${probe}.cpp "extern \"C\" int call(int x) { try { if (x) throw x; } catch (int) {} return x; }\n")
  execute_process(COMMAND ${CNNX_EMCC} -msimd128 -fwasm-exceptions ${CNNX_WASM_LINK_OPTIONS} -sEXPORTED_FUNCTIONS=_call,_malloc
                          ${probe}.cpp -o ${probe}.wasm RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    message(WARNING "${CNNX_EMCC} cannot build a module: the package gets no WebAssembly module. emscripten 3.1.69 can.")
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
