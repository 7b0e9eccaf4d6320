// Declares one constant table of kernels for every instruction set this build compiles; see
// runtime/dispatch.h.
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
