# GCC's passes that look for equal values and for jumps, and the one that orders instructions as CPUs do by themselves: a third of the
# compile time of kernels, most of which they make no faster.
set(CNNX_SPARED_PASSES code-hoisting crossjumping gcse ipa-cp ipa-icf ipa-sra ipa-vrp rerun-cse-after-loop schedule-insns2
                       thread-jumps tree-dominator-opts tree-pre tree-slp-vectorize tree-tail-merge tree-vrp)

# The optimisation of loops over vectors, most of which are unrolled by hand. Of GCC's -O3 they need the vectors that it makes of plain
# loops.
set(CNNX_LOOPS -O2)
# GCC looks for garbage in its memory from 256 MB on. Before that it took a twentieth of the compile time of units.
set(CNNX_RARE_COLLECTIONS "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(CNNX_RARE_COLLECTIONS "--param ggc-min-heapsize=262144")
  string(JOIN " -fno-" CNNX_LOOPS "-O2 -ftree-loop-vectorize -fvect-cost-model=dynamic" ${CNNX_SPARED_PASSES})
endif()

# cnnx_set_flags(target [KERNELS]): the compile options of a target of cnnx. They come last on the command line, so they
# override those of a project around cnnx.
function(cnnx_set_flags target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "KERNELS" "" "")

  # Bits must not depend on the compiler's default for fusing, nor on -ffast-math or -flto from outside. Each part of
  # -ffast-math can also be set on its own, so each part is switched off.
  set(flags -ffp-contract=off -fno-fast-math -fno-unsafe-math-optimizations -fno-associative-math -fno-reciprocal-math
            -fno-finite-math-only -fno-rounding-math -fsigned-zeros -fno-math-errno -fno-lto)
  list(APPEND flags ${CNNX_RARE_COLLECTIONS})
  # The linker can remove functions that a program with the static library does not call.
  list(APPEND flags -ffunction-sections -fdata-sections)
  if(arg_KERNELS)
    # No exception passes through kernels, so they need no unwind tables. Vectors are passed only between inlined functions,
    # so their calling convention does not matter: -Wno-psabi.
    # Optimising loops with a sanitizer's checks takes four times as long as compiling them.
    list(APPEND flags "$<IF:$<CONFIG:Sanitized>,-O1,${CNNX_LOOPS}>" -fno-exceptions -fno-asynchronous-unwind-tables -fno-rtti -Wno-psabi)
    if(CNNX_BUILD_FUZZERS)
      # The fuzzers' networks are tiny, and Clang takes half a minute for a kernel with the checks of both sanitizers.
      list(APPEND flags -O0 -fno-sanitize=undefined)
    endif()
  else()
    # WebAssembly's own exceptions; emcc's -fexceptions leaves WebAssembly for JavaScript at every call that may throw.
    list(APPEND flags $<IF:$<BOOL:${EMSCRIPTEN}>,-fwasm-exceptions,-fexceptions> -frtti)
    if(NOT CNNX_USES_OPENMP)
      list(APPEND flags -fno-openmp)
    endif()
    # A debug build of another project still gets fast kernels.
    if(NOT CNNX_IS_TOP_LEVEL AND NOT MSVC)
      target_compile_options(${target} PRIVATE $<$<OR:$<CONFIG:Debug>,$<STREQUAL:$<CONFIG>,>>:-O2>)
    endif()
  endif()
  if(CNNX_WARNINGS)
    # On a 32-bit system a number of elements in 64 bits becomes a size only by checked_size or an explicit cast.
    list(APPEND flags -Wall -Wextra -Wshadow $<$<BOOL:${EMSCRIPTEN}>:-Werror=shorten-64-to-32>)
  else()
    list(APPEND flags -w)
  endif()
  cnnx_compile_options(${target} ${flags})

  target_compile_features(${target} PUBLIC cxx_std_17)
  set_target_properties(${target} PROPERTIES
    CXX_STANDARD 17 CXX_EXTENSIONS ON CXX_SCAN_FOR_MODULES OFF
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON
    INTERPROCEDURAL_OPTIMIZATION OFF UNITY_BUILD OFF COMPILE_WARNING_AS_ERROR OFF
    CXX_CLANG_TIDY "${CNNX_CLANG_TIDY}" CXX_CPPCHECK "" CXX_CPPLINT "" CXX_INCLUDE_WHAT_YOU_USE "")
endfunction()
