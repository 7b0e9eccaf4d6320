# The toolchain of WebAssembly: that of the emscripten whose `emcc` is on the PATH. On Debian or Ubuntu:
# sudo apt-get install -y emscripten
find_program(CNNX_EMCC emcc)
if(NOT CNNX_EMCC)
  message(FATAL_ERROR "WebAssembly needs emscripten's compiler emcc and found none.\n"
                      "On Debian or Ubuntu: sudo apt-get install -y emscripten")
endif()
get_filename_component(emcc_file ${CNNX_EMCC} REALPATH)
get_filename_component(emscripten_root ${emcc_file} DIRECTORY)
include(${emscripten_root}/cmake/Modules/Platform/Emscripten.cmake)
