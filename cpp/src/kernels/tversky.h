// The Tversky index of images with a class per position: loss and gradient of one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// Targets: labels, or values (positions, columns), of which one is null.
struct TverskyImage {
  const float* outputs;  // (positions, columns): logits
  int64_t positions, columns;
  const int64_t* labels;
  const float* values;
  int64_t ignored;             // positions with this label count for nothing
  const float* class_weights;  // null: all 1
  double alpha, beta, smooth;
  float divisor;         // of the gradient
  float* gradient;       // (positions, columns), or null
  float* probabilities;  // scratch of `columns` floats
  double* sums;          // scratch of 3 * columns numbers
};

struct TverskyResult {
  double loss;
  int64_t correct, counted;  // positions
};

struct TverskyKernels {
  // Probabilities are the softmax over the columns, or the sigmoid of a single column.
  TverskyResult (*image)(const TverskyImage& image);
};

CNNX_DECLARE_KERNELS(TverskyKernels, tversky_kernels)

}  // namespace cnnx
