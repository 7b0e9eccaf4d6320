// Declares one constant table of kernels for every instruction set of this build; see
// runtime/dispatch.h. Kernels of integers and of bfloat16 have more levels, those with their
// instructions, of which products have that of tiles, too.
#pragma once

#include "kernels/levels.h"

#define CNNX_DECLARE_LEVEL(level, type, name) \
  namespace level {                           \
  extern const type name;                     \
  }

#define CNNX_DECLARE_KERNELS(type, name)                 \
  CNNX_DECLARE_LEVEL(baseline, type, name)               \
  CNNX_IF_AVX2(CNNX_DECLARE_LEVEL(avx2, type, name))     \
  CNNX_IF_AVX512(CNNX_DECLARE_LEVEL(avx512, type, name)) \
  CNNX_IF_NEON(CNNX_DECLARE_LEVEL(neon, type, name))

#define CNNX_DECLARE_INTEGER_KERNELS(type, name)                   \
  CNNX_DECLARE_KERNELS(type, name)                                 \
  CNNX_IF_AVX2_VNNI(CNNX_DECLARE_LEVEL(avx2_vnni, type, name))     \
  CNNX_IF_AVX512_VNNI(CNNX_DECLARE_LEVEL(avx512_vnni, type, name)) \
  CNNX_IF_NEON_DOTPROD(CNNX_DECLARE_LEVEL(neon_dotprod, type, name))

#define CNNX_DECLARE_INTEGER_TILE_KERNELS(type, name) \
  CNNX_DECLARE_INTEGER_KERNELS(type, name)            \
  CNNX_IF_AMX(CNNX_DECLARE_LEVEL(amx, type, name))

#define CNNX_DECLARE_BFLOAT16_KERNELS(type, name)                  \
  CNNX_DECLARE_LEVEL(baseline, type, name)                         \
  CNNX_IF_AVX2(CNNX_DECLARE_LEVEL(avx2, type, name))               \
  CNNX_IF_AVX512_BF16(CNNX_DECLARE_LEVEL(avx512_bf16, type, name)) \
  CNNX_IF_NEON(CNNX_DECLARE_LEVEL(neon, type, name))

#define CNNX_DECLARE_BFLOAT16_TILE_KERNELS(type, name)             \
  CNNX_DECLARE_KERNELS(type, name)                                 \
  CNNX_IF_AVX512_BF16(CNNX_DECLARE_LEVEL(avx512_bf16, type, name)) \
  CNNX_IF_AMX(CNNX_DECLARE_LEVEL(amx, type, name))
