// As many bytes as a vector has lanes, and their conversion from and to floats. Included by kernel
// files only.
#pragma once

#include "kernels/simd.h"

namespace {

typedef uint8_t ByteVector __attribute__((vector_size(kLanes)));
typedef uint8_t UnalignedByteVector __attribute__((vector_size(kLanes), aligned(1), may_alias));

// The first `count` lanes, which are all or 0 < count < kLanes; never accesses memory past them.
CNNX_INLINE ByteVector load_bytes(const uint8_t* source, int64_t count = kLanes) {
  if (count >= kLanes) return *reinterpret_cast<const UnalignedByteVector*>(source);
  ByteVector bytes = {};
  for (int64_t lane = 0; lane < count; ++lane) bytes[lane] = source[lane];
  return bytes;
}
CNNX_INLINE void store_bytes(uint8_t* target, ByteVector bytes, int64_t count = kLanes) {
  if (count >= kLanes) {
    *reinterpret_cast<UnalignedByteVector*>(target) = bytes;
  } else {
    for (int64_t lane = 0; lane < count; ++lane) target[lane] = bytes[lane];
  }
}

CNNX_INLINE Vector float_of(ByteVector bytes) {
  return __builtin_convertvector(__builtin_convertvector(bytes, IntVector), Vector);
}

// A number from 0 to 255, rounded to an integer, ties to even; NaN becomes 0. The integer is in the
// lowest bits of its sum with 1.5 * 2^23.
CNNX_INLINE ByteVector rounded(Vector value) {
  const Vector sum = value + broadcast(12582912.0f);
  return __builtin_convertvector(reinterpret_cast<const IntVector&>(sum), ByteVector);
}

}  // namespace
