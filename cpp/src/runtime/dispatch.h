// Declaration and choice of kernels, which are compiled once per instruction set.
//
// A kernel header describes its functions as a struct of pointers and names one constant of it:
//
//   struct ReluKernels { void (*forward)(const float* x, int64_t count, float* output); };
//   CNNX_DECLARE_KERNELS(ReluKernels, relu_kernels)
//
// Its kernel source, compiled for each instruction set, defines that constant in namespace
// cnnx::CNNX_ISA, and an op calls
//
//   CNNX_KERNELS(relu_kernels).forward(...).
//
// A table of integer kernels, CNNX_DECLARE_INTEGER_KERNELS, is called by CNNX_INTEGER_KERNELS, and
// one of kernels of bfloat16, CNNX_DECLARE_BFLOAT16_KERNELS, by CNNX_BFLOAT16_KERNELS. Those with
// tiles have CNNX_..._INTEGER_TILE_KERNELS and CNNX_..._BFLOAT16_TILE_KERNELS.
#pragma once

#include "kernels/declare.h"
#include "runtime/isa.h"

// The value for the first level of these that the process uses.
#define CNNX_FOR_ISA(level, value) \
  ::cnnx::runtime::active_isa() == ::cnnx::runtime::Isa::level ? (value):
#define CNNX_FOR_DOT_PRODUCTS(level, value) \
  ::cnnx::runtime::dot_products() == ::cnnx::runtime::DotProducts::level ? (value):

// clang-format off
#define CNNX_KERNELS(name)                                       \
  (CNNX_IF_AVX512(CNNX_FOR_ISA(avx512, ::cnnx::avx512::name))    \
   CNNX_IF_AVX2(CNNX_FOR_ISA(avx2, ::cnnx::avx2::name))          \
   CNNX_IF_NEON(CNNX_FOR_ISA(neon, ::cnnx::neon::name))          \
   ::cnnx::baseline::name)

// A CPU with tiles or dot products of bfloat16 has dot products of bytes.
#define CNNX_INTEGER_KERNELS(name)                                                         \
  (CNNX_IF_AVX512_VNNI(CNNX_FOR_DOT_PRODUCTS(amx, ::cnnx::avx512_vnni::name))              \
   CNNX_IF_AVX512_VNNI(CNNX_FOR_DOT_PRODUCTS(avx512_bf16, ::cnnx::avx512_vnni::name))      \
   CNNX_IF_AVX512_VNNI(CNNX_FOR_DOT_PRODUCTS(avx512_vnni, ::cnnx::avx512_vnni::name))      \
   CNNX_IF_AVX2_VNNI(CNNX_FOR_DOT_PRODUCTS(avx2_vnni, ::cnnx::avx2_vnni::name))            \
   CNNX_IF_NEON_DOTPROD(CNNX_FOR_DOT_PRODUCTS(neon_dotprod, ::cnnx::neon_dotprod::name))   \
   CNNX_KERNELS(name))

#define CNNX_INTEGER_TILE_KERNELS(name)                                                    \
  (CNNX_IF_AMX(CNNX_FOR_DOT_PRODUCTS(amx, ::cnnx::amx::name)) CNNX_INTEGER_KERNELS(name))

// A CPU with tiles of bfloat16 has its dot products. One without both uses the kernels of AVX2.
#define CNNX_BFLOAT16_KERNELS(name)                                                        \
  (CNNX_IF_AVX512_BF16(CNNX_FOR_DOT_PRODUCTS(amx, ::cnnx::avx512_bf16::name))              \
   CNNX_IF_AVX512_BF16(CNNX_FOR_DOT_PRODUCTS(avx512_bf16, ::cnnx::avx512_bf16::name))      \
   CNNX_IF_AVX2(CNNX_FOR_ISA(avx512, ::cnnx::avx2::name))                                  \
   CNNX_IF_AVX2(CNNX_FOR_ISA(avx2, ::cnnx::avx2::name))                                    \
   CNNX_IF_NEON(CNNX_FOR_ISA(neon, ::cnnx::neon::name))                                    \
   ::cnnx::baseline::name)

#define CNNX_BFLOAT16_TILE_KERNELS(name)                                                   \
  (CNNX_IF_AMX(CNNX_FOR_DOT_PRODUCTS(amx, ::cnnx::amx::name))                              \
   CNNX_IF_AVX512_BF16(CNNX_FOR_DOT_PRODUCTS(avx512_bf16, ::cnnx::avx512_bf16::name))      \
   CNNX_KERNELS(name))
// clang-format on
