// Rows of an image that the reader of a batch norm normalises itself (Fusion::normalises_input).
#pragma once

#include <cstdint>

#include "kernels/batch_norm2d.h"
#include "runtime/dispatch.h"

namespace cnnx::ops {

// Normalises rows [begin, end) of an image, `width` pixels each, into `scratch`. Returns row 0 of
// an image of which only these rows exist.
inline const float* normalise_rows(const BatchNormForward& normalisation, const float* image,
                                   int64_t width, int64_t begin, int64_t end, float* scratch) {
  const int64_t row_floats = width * normalisation.channels;
  BatchNormForward rows = normalisation;
  rows.x = image + begin * row_floats;
  rows.pixels = (end - begin) * width;
  rows.output = scratch;
  CNNX_KERNELS(batch_norm2d_kernels).forward(rows);
  return scratch - begin * row_floats;
}

}  // namespace cnnx::ops
