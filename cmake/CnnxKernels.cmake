# cnnx_compile_kernels(target sources...): compiles each kernel source once per instruction set and links all
# versions into target. Only this file defines the compiler flags of an instruction set.
set(CNNX_SANITIZED_ISA "" CACHE STRING "In a build with a sanitizer, the only instruction set whose kernels it checks; all if empty")
function(cnnx_compile_kernels target)
  set(levels baseline)
  set(flags_baseline "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    # First reset to the baseline, so that no -march=native or -mavx from outside changes a level; then add the level's flags.
    set(every_cpu -march=x86-64 -mno-sse3)
    list(APPEND levels avx2 avx512)
    set(flags_baseline ${every_cpu})
    set(flags_avx2 ${every_cpu} -mavx2 -mfma -DCNNX_HAS_FMA=1)
    set(flags_avx512 ${every_cpu} -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl
                     -mprefer-vector-width=512 -DCNNX_HAS_FMA=1)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12
       AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
      # AddressSanitizer's copy of a stack frame is aligned to 32 bytes, but these compilers store to it as if to 64.
      list(APPEND flags_avx512 $<$<CONFIG:Sanitized>:-mstore-max=256> $<$<CONFIG:Sanitized>:-mmove-max=256>)
    endif()
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    list(APPEND levels neon)
    set(flags_neon -DCNNX_HAS_FMA=1)
  elseif(EMSCRIPTEN)
    # Every browser since 2023 has vectors of 128 bits. They round as those of x86-64 do, so the bits are those of its baseline.
    set(flags_baseline -msimd128)
  endif()
  foreach(level IN LISTS levels)
    set(objects ${target}_kernels_${level})
    add_library(${objects} OBJECT ${ARGN})
    target_include_directories(${objects} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
    cnnx_set_flags(${objects} KERNELS)
    cnnx_compile_options(${objects} ${flags_${level}})
    if(CNNX_SANITIZED_ISA AND NOT CNNX_SANITIZED_ISA STREQUAL level)
      # Compiled for the linker alone: a process runs the kernels of one instruction set.
      cnnx_compile_options(${objects} $<$<CONFIG:Sanitized>:-O0> $<$<CONFIG:Sanitized>:-fno-sanitize=all>)
    endif()
    target_compile_definitions(${objects} PRIVATE CNNX_ISA=${level})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()
