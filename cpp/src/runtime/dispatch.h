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
// one of kernels of bfloat16, CNNX_DECLARE_BFLOAT16_KERNELS, by CNNX_BFLOAT16_KERNELS.
#pragma once

#include "kernels/declare.h"
#include "runtime/isa.h"

#if defined(__x86_64__) || defined(_M_X64)
#define CNNX_KERNELS(name)                                                              \
  (::cnnx::runtime::active_isa() == ::cnnx::runtime::Isa::avx512 ? ::cnnx::avx512::name \
   : ::cnnx::runtime::active_isa() == ::cnnx::runtime::Isa::avx2 ? ::cnnx::avx2::name   \
                                                                 : ::cnnx::baseline::name)
#elif defined(__aarch64__)
#define CNNX_KERNELS(name)                                                          \
  (::cnnx::runtime::active_isa() == ::cnnx::runtime::Isa::neon ? ::cnnx::neon::name \
                                                               : ::cnnx::baseline::name)
#else
#define CNNX_KERNELS(name) (::cnnx::baseline::name)
#endif

#if defined(CNNX_DOT_PRODUCT_LEVELS) && defined(__aarch64__)
#define CNNX_INTEGER_KERNELS(name)                                               \
  (::cnnx::runtime::dot_products() == ::cnnx::runtime::DotProducts::neon_dotprod \
       ? ::cnnx::neon_dotprod::name                                              \
       : CNNX_KERNELS(name))
#elif defined(CNNX_DOT_PRODUCT_LEVELS)
#define CNNX_INTEGER_KERNELS(name)                                                          \
  (::cnnx::runtime::dot_products() == ::cnnx::runtime::DotProducts::amx ? ::cnnx::amx::name \
   : ::cnnx::runtime::dot_products() == ::cnnx::runtime::DotProducts::avx512_bf16 ||        \
           ::cnnx::runtime::dot_products() == ::cnnx::runtime::DotProducts::avx512_vnni     \
       ? ::cnnx::avx512_vnni::name                                                          \
   : ::cnnx::runtime::dot_products() == ::cnnx::runtime::DotProducts::avx2_vnni             \
       ? ::cnnx::avx2_vnni::name                                                            \
       : CNNX_KERNELS(name))
#else
#define CNNX_INTEGER_KERNELS(name) CNNX_KERNELS(name)
#endif

#if defined(CNNX_DOT_PRODUCT_LEVELS) && !defined(__aarch64__)
#define CNNX_BFLOAT16_KERNELS(name)                                                         \
  (::cnnx::runtime::dot_products() == ::cnnx::runtime::DotProducts::amx ? ::cnnx::amx::name \
   : ::cnnx::runtime::dot_products() == ::cnnx::runtime::DotProducts::avx512_bf16           \
       ? ::cnnx::avx512_bf16::name                                                          \
       : CNNX_KERNELS(name))
#else
#define CNNX_BFLOAT16_KERNELS(name) CNNX_KERNELS(name)
#endif
