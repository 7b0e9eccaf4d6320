// The floating-point mode of products of bfloat16: denormal factors and results are zeros, as those
// of the instructions for such products are in any mode. WebAssembly has no such mode and computes
// with denormals. Included by kernel files only.
#pragma once

#include <stdint.h>

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Functions that compute in this mode must not be inlined into the one that has this object,
// because the compiler moves computations past a change of the mode.
class FlushDenormals {
 public:
#if defined(__SSE2__)
  FlushDenormals() : saved_(__builtin_ia32_stmxcsr()) {
    constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZeros = 0x40;
    __builtin_ia32_ldmxcsr(saved_ | kFlushToZero | kDenormalsAreZeros);
  }
  ~FlushDenormals() { __builtin_ia32_ldmxcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FlushDenormals() {
    constexpr uint64_t kFlushToZero = uint64_t{1} << 24;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
    __asm__ volatile("msr fpcr, %0" : : "r"(saved_ | kFlushToZero) : "memory");
  }
  ~FlushDenormals() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_) : "memory"); }

 private:
  uint64_t saved_;
#else
  FlushDenormals() {}
  ~FlushDenormals() {}
#endif
};

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
