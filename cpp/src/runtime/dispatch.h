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
