// bfloat16 numbers and float32 numbers without denormals, one at a time.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace cnnx::test {

inline float widened(uint16_t word) {
  const uint32_t bits = static_cast<uint32_t>(word) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float flushed(float value) {
  return std::fabs(value) < FLT_MIN ? std::copysign(0.0f, value) : value;
}

// With one rounding. The function of mingw's C library rounds twice, so there this is the CPU's
// instruction; tests call it where the library uses that, too.
#if defined(__MINGW32__) && defined(__x86_64__)
__attribute__((target("fma")))
#endif
inline float fused_multiply_add(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}

// To nearest, ties to even; a denormal to a zero of its sign.
inline uint16_t rounded(float value) {
  value = flushed(value);
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace cnnx::test
