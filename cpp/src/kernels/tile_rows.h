// The addresses of the rows that a tile reads, in few registers. For kernel files only.
#pragma once

#include "kernels/simd.h"

namespace {

// The compiler takes the value as unknown here, and computes nothing from it before.
template <class T>
CNNX_INLINE void opaque(T& value) {
#if defined(__x86_64__)
  asm("" : "+r"(value));
#endif
}

// The addresses of a tile's rows: each is one of three, plus 1, 2, 4 or 8 steps, or 3. Compilers
// keep an address per row, most of them in memory, and storing those before a tile waits until the
// stores of the tile before have left the processor's queue.
struct RowAddresses {
  const char *zeroth, *fifth, *tenth;
  int64_t step, three_steps;

  CNNX_INLINE const float* at(int row) const {
    const char* address = zeroth + row * step;
    if (row == 3) address = zeroth + three_steps;
    if (row >= 5 && row != 8) address = fifth + (row - 5) * step;
    if (row >= 10 && row != 13) address = tenth + (row - 10) * step;
    return reinterpret_cast<const float*>(address);
  }
};
CNNX_INLINE RowAddresses row_addresses(const float* x, int64_t floats) {
  const char* zeroth = reinterpret_cast<const char*>(x);
  int64_t step = floats * static_cast<int64_t>(sizeof(float));
  opaque(step);
  int64_t three_steps = step * 3;
  const char *fifth = zeroth + step * 5, *tenth = fifth + step * 5;
  opaque(zeroth);
  opaque(three_steps);
  opaque(fifth);
  opaque(tenth);
  return {zeroth, fifth, tenth, step, three_steps};
}

}  // namespace
