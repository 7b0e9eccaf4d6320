// Which of two numbers a maximum takes. For kernel files only.
#pragma once

#include "kernels/simd.h"

namespace {

// For maxima: lanes in which `value` replaces `best`: a larger number, or the first NaN.
CNNX_INLINE IntVector takes_over(Vector value, Vector best) {
  return ~(value <= best) & (best == best);
}

}  // namespace
