// A row whose label says that it counts for nothing.
#pragma once

#include "kernels/loss_rows.h"
#include "kernels/simd.h"

namespace {

using cnnx::LossRows;

// Its loss is 0, and so is its gradient.
CNNX_INLINE void ignore_row(const LossRows& all, int64_t row) {
  all.row_losses[row] = 0.0f;
  if (!all.gradient || all.accumulate) return;
  for (int64_t j = 0; j < all.columns; ++j) all.gradient[row * all.columns + j] = 0.0f;
}

}  // namespace
