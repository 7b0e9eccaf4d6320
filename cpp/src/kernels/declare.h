// Declares one constant table of kernels for every instruction set this build compiles; see
// runtime/dispatch.h. Kernels of integers and of bfloat16 have more levels: CNNX_DOT_PRODUCT_LEVELS
// is defined if the compiler knows the instructions for their dot products.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#define CNNX_DECLARE_KERNELS(type, name) \
  namespace baseline {                   \
  extern const type name;                \
  }                                      \
  namespace avx2 {                       \
  extern const type name;                \
  }                                      \
  namespace avx512 {                     \
  extern const type name;                \
  }
#elif defined(__aarch64__)
#define CNNX_DECLARE_KERNELS(type, name) \
  namespace baseline {                   \
  extern const type name;                \
  }                                      \
  namespace neon {                       \
  extern const type name;                \
  }
#else
#define CNNX_DECLARE_KERNELS(type, name) \
  namespace baseline {                   \
  extern const type name;                \
  }
#endif

#if defined(CNNX_DOT_PRODUCT_LEVELS) && defined(__aarch64__)
#define CNNX_DECLARE_INTEGER_KERNELS(type, name) \
  CNNX_DECLARE_KERNELS(type, name)               \
  namespace neon_dotprod {                       \
  extern const type name;                        \
  }
#elif defined(CNNX_DOT_PRODUCT_LEVELS)
#define CNNX_DECLARE_INTEGER_KERNELS(type, name) \
  CNNX_DECLARE_KERNELS(type, name)               \
  namespace avx2_vnni {                          \
  extern const type name;                        \
  }                                              \
  namespace avx512_vnni {                        \
  extern const type name;                        \
  }                                              \
  namespace amx {                                \
  extern const type name;                        \
  }
#else
#define CNNX_DECLARE_INTEGER_KERNELS(type, name) CNNX_DECLARE_KERNELS(type, name)
#endif

#if defined(CNNX_DOT_PRODUCT_LEVELS) && !defined(__aarch64__)
#define CNNX_DECLARE_BFLOAT16_KERNELS(type, name) \
  CNNX_DECLARE_KERNELS(type, name)                \
  namespace avx512_bf16 {                         \
  extern const type name;                         \
  }                                               \
  namespace amx {                                 \
  extern const type name;                         \
  }
#else
#define CNNX_DECLARE_BFLOAT16_KERNELS(type, name) CNNX_DECLARE_KERNELS(type, name)
#endif
