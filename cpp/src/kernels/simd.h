// One vector type per instruction set and the few operations used by kernels. Included by kernel
// files only. Everything is in an unnamed namespace, so that the linker cannot merge a function
// compiled with one set of flags with the same function compiled with another (an old CPU would
// crash).
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(CNNX_HAS_FMA) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define CNNX_INLINE inline __attribute__((always_inline))
#define CNNX_UNROLL _Pragma("GCC unroll 32")
// On a lambda: inlines it into the calling loop, where its arguments are constants.
#define CNNX_INLINED __attribute__((always_inline))

// Vector registers: these sets have 32, the others 16.
#if defined(__AVX512F__) || defined(__aarch64__)
#define CNNX_32_REGISTERS 1
#endif

namespace {

// Lanes of the native vector. Results never depend on it: a lane is always the chain of one output.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vector __attribute__((vector_size(kLanes * 4)));
typedef float UnalignedVector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef int32_t IntVector __attribute__((vector_size(kLanes * 4)));
typedef int32_t UnalignedIntVector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef uint32_t UnsignedVector __attribute__((vector_size(kLanes * 4)));
typedef uint16_t WordVector __attribute__((vector_size(kLanes * 2)));
#if defined(__AVX512F__)
typedef float HalfVector __attribute__((vector_size(kLanes * 2)));
typedef float UnalignedHalfVector __attribute__((vector_size(kLanes * 2), aligned(4), may_alias));
#endif

}  // namespace

#if defined(__AVX2__)
#include "kernels/x86.h"
#endif

namespace {

CNNX_INLINE Vector load(const float* source) {
  return *reinterpret_cast<const UnalignedVector*>(source);
}
CNNX_INLINE IntVector load_integers(const int32_t* source) {
  return *reinterpret_cast<const UnalignedIntVector*>(source);
}
CNNX_INLINE void store(float* target, Vector value) {
  *reinterpret_cast<UnalignedVector*>(target) = value;
}
// A condition whose consequence is compiled without a jump.
CNNX_INLINE bool likely(bool condition) { return __builtin_expect(condition, 1); }
// A value that was loaded and now stays in a register. GCC would load it again in every instruction
// with a memory operand.
CNNX_INLINE Vector held(Vector value) {
#if defined(__AVX512F__)
  __asm__("" : "+v"(value));
#elif defined(__AVX2__)
  __asm__("" : "+x"(value));
#endif
  return value;
}
CNNX_INLINE IntVector held(IntVector value) {
  return reinterpret_cast<IntVector>(held(reinterpret_cast<Vector>(value)));
}
CNNX_INLINE Vector broadcast(float value) { return value - Vector{}; }

// The only way to fuse: one rounding on every instruction set except baseline, which has no FMA and
// rounds twice.
CNNX_INLINE float fused_multiply_add(float a, float b, float c) {
#if defined(CNNX_HAS_FMA)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
CNNX_INLINE Vector fused_multiply_add(Vector a, Vector b, Vector c) {
#if defined(__AVX2__)
  return x86_multiply_add(a, b, c);
#elif defined(CNNX_HAS_FMA) && defined(__ARM_NEON)
  return reinterpret_cast<Vector>(vfmaq_f32(reinterpret_cast<float32x4_t>(c),
                                            reinterpret_cast<float32x4_t>(a),
                                            reinterpret_cast<float32x4_t>(b)));
#else
  return a * b + c;
#endif
}

// x < floor ? floor : x, so that NaN passes, and so does -0 with a floor of 0. A maximum
// instruction with x as its second operand does the same: it returns that operand for two zeros or
// a NaN.
CNNX_INLINE Vector at_least(Vector floor, Vector x) {
#if defined(__AVX2__)
  return x86_maximum(floor, x);
#else
  return x < floor ? floor : x;
#endif
}

// x > ceiling ? ceiling : x, likewise.
CNNX_INLINE Vector at_most(Vector ceiling, Vector x) {
#if defined(__AVX2__)
  return x86_minimum(ceiling, x);
#else
  return x > ceiling ? ceiling : x;
#endif
}

// ReLU as a floor. A floor of minus infinity has no effect.
CNNX_INLINE Vector positive_part(Vector x) { return at_least(Vector{}, x); }
CNNX_INLINE Vector relu_floor(bool relu) { return broadcast(relu ? 0.0f : -__builtin_inff()); }

// The first `count` lanes, 0 < count < kLanes; never accesses memory past them. The other lanes
// load as 0.
#if defined(__AVX2__)
CNNX_INLINE Vector load_partial(const float* source, int64_t count) {
  return x86_load(source, first_lanes(count));
}
CNNX_INLINE void store_partial(float* target, Vector value, int64_t count) {
  x86_store(target, first_lanes(count), value);
}
#else
CNNX_INLINE Vector load_partial(const float* source, int64_t count) {
  Vector value = {};
  for (int64_t lane = 0; lane < count; ++lane) value[lane] = source[lane];
  return value;
}
CNNX_INLINE void store_partial(float* target, Vector value, int64_t count) {
  for (int64_t lane = 0; lane < count; ++lane) target[lane] = value[lane];
}
#endif

}  // namespace
