// Four floats at a time on every instruction set, and their transpose. For kernel files only.
#pragma once

#include <stdint.h>

#include "kernels/simd.h"

namespace {

typedef float Quad __attribute__((vector_size(16)));
typedef float UnalignedQuad __attribute__((vector_size(16), aligned(4), may_alias));
#if defined(__clang__) || __GNUC__ >= 12
#define CNNX_SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int32_t QuadIndex __attribute__((vector_size(16)));
#define CNNX_SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, QuadIndex{i, j, k, l})
#endif

// to[k * to_step + c] = from[c * from_step + k] for four c and four k.
CNNX_INLINE void transpose_quad(const float* from, int64_t from_step, float* to, int64_t to_step) {
  Quad row[4];
  CNNX_UNROLL for (int i = 0; i < 4; ++i) row[i] =
      *reinterpret_cast<const UnalignedQuad*>(from + i * from_step);
  const Quad low01 = CNNX_SHUFFLE(row[0], row[1], 0, 4, 1, 5),
             high01 = CNNX_SHUFFLE(row[0], row[1], 2, 6, 3, 7);
  const Quad low23 = CNNX_SHUFFLE(row[2], row[3], 0, 4, 1, 5),
             high23 = CNNX_SHUFFLE(row[2], row[3], 2, 6, 3, 7);
  const Quad column[4] = {
      CNNX_SHUFFLE(low01, low23, 0, 1, 4, 5), CNNX_SHUFFLE(low01, low23, 2, 3, 6, 7),
      CNNX_SHUFFLE(high01, high23, 0, 1, 4, 5), CNNX_SHUFFLE(high01, high23, 2, 3, 6, 7)};
  CNNX_UNROLL for (int i = 0; i < 4; ++i) * reinterpret_cast<UnalignedQuad*>(to + i * to_step) =
      column[i];
}

}  // namespace
