# cnnx_compile_kernels(target sources...): compiles each kernel source once per instruction set and links all
# versions into target. What an instruction set may use is written here and nowhere else.
function(cnnx_compile_kernels target)
  set(levels baseline)
  # Explicit, so that a compiler's own default (-march=native in CXXFLAGS) cannot leak into baseline's meaning.
  set(flags_baseline "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    list(APPEND levels avx2 avx512)
    set(flags_avx2 -mavx2 -mfma -DCNNX_HAS_FMA=1)
    set(flags_avx512 -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl
                     -mprefer-vector-width=512 -DCNNX_HAS_FMA=1)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    list(APPEND levels neon)
    set(flags_neon -DCNNX_HAS_FMA=1)
  endif()
  set(optimisation -O3)
  if(CNNX_BUILD_FUZZERS)
    # Their networks are tiny, and Clang takes half a minute for a kernel full of both sanitizers' checks.
    set(optimisation -O0 -fno-sanitize=undefined)
  endif()
  foreach(level IN LISTS levels)
    set(objects ${target}_kernels_${level})
    add_library(${objects} OBJECT ${ARGN})
    target_include_directories(${objects} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
    # Vectors are passed only between inlined functions, so their calling convention does not matter: -Wno-psabi.
    cnnx_compile_options(${objects} ${CNNX_COMPILE_OPTIONS} ${optimisation} -fno-exceptions -fno-rtti -Wno-psabi
                                    ${flags_${level}})
    target_compile_definitions(${objects} PRIVATE CNNX_ISA=${level})
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON
                          INTERPROCEDURAL_OPTIMIZATION OFF CXX_VISIBILITY_PRESET hidden
                          VISIBILITY_INLINES_HIDDEN ON)
    target_compile_features(${objects} PRIVATE cxx_std_17)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()
