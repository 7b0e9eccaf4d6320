# The requirements on the compiler, an error message with install commands, and the form of its options.
set(CNNX_COMPILER_HELP "On Debian or Ubuntu: sudo apt-get install -y g++ python3-dev python3-venv\n"
    "On Fedora: sudo dnf install -y gcc-c++ python3-devel\nOn macOS: xcode-select --install\n"
    "On Windows: install the Visual Studio Build Tools with clang-cl")

# Before project(): CMake's own message about a missing compiler has no install command.
if(NOT CMAKE_CXX_COMPILER AND NOT CMAKE_TOOLCHAIN_FILE AND NOT WIN32)
  if(DEFINED ENV{CXX} AND NOT "$ENV{CXX}" STREQUAL "")
    set(cnnx_candidates "$ENV{CXX}")
    separate_arguments(cnnx_candidates)
    list(GET cnnx_candidates 0 cnnx_candidates)
  else()
    set(cnnx_candidates c++ g++ clang++ CC aCC cl bcc xlC)
  endif()
  find_program(CNNX_FOUND_COMPILER NAMES ${cnnx_candidates})
  if(NOT CNNX_FOUND_COMPILER)
    message(FATAL_ERROR "cnnx needs a C++17 compiler and found none.\n" ${CNNX_COMPILER_HELP})
  endif()
endif()

# The kernels use GCC's vector extensions, which Clang has too.
function(cnnx_check_compiler)
  if(MSVC AND NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "cnnx needs GCC or Clang (on Windows clang-cl: cmake -T ClangCL), found MSVC.")
  endif()
  if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 9)
     OR (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 10))
    message(FATAL_ERROR "cnnx needs GCC >= 9 or Clang >= 10, found ${CMAKE_CXX_COMPILER_ID} "
                        "${CMAKE_CXX_COMPILER_VERSION}.\n" ${CNNX_COMPILER_HELP})
  endif()
  # The x87 of 32-bit x86 rounds to other bits, and other 32-bit systems are untested.
  if(CMAKE_SIZEOF_VOID_P EQUAL 4 AND NOT EMSCRIPTEN)
    message(FATAL_ERROR "cnnx needs a 64-bit system or WebAssembly, found a compiler for 32 bits.")
  endif()
endfunction()

# cnnx_compile_options(target options...): options in the spelling of GCC and Clang. clang-cl ignores most of them, including
# -ffp-contract=off, without the prefix /clang:. They are passed as one string, because CMake drops repeated options, although
# an option between them may have undone the first.
function(cnnx_compile_options target)
  set(options ${ARGN})
  if(MSVC)
    list(TRANSFORM options PREPEND "/clang:")
  else()
    list(JOIN options " " options)
    string(PREPEND options "SHELL:")
  endif()
  target_compile_options(${target} PRIVATE "${options}")
endfunction()
