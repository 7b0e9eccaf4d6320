// Matrix products with the kernels of the dense layer, divided among threads.
#pragma once

#include <cstdint>

#include "kernels/dense.h"

namespace cnnx::ops {

// Floats from the matrices of one product to those of the next.
struct DenseDistances {
  int64_t input = 0, weight = 0, output = 0;
};

// Products of one size.
struct DenseProducts {
  DenseProduct first = {};
  int64_t count = 1;
  DenseDistances to_next = {};
};

// The epilogue of a product's sums.
struct DenseFinish {
  bool relu = false;
  const float* relu_output =
      nullptr;  // shaped like the output, which is zero where this is not > 0
};

// Divides the blocks of columns of the products, and their rows too if blocks are few. `scratch`
// holds kDenseScratchFloats per thread.
void run_products(const DenseProducts& products, const DenseFinish& finish, int threads,
                  float* scratch);

// Weight gradients of one size, of which `output` is the gradient.
struct DenseWeightGradients {
  DenseWeightGradient first = {};
  int64_t inputs = 0;  // elements of an input row
  int64_t count = 1;
  DenseDistances to_next = {};  // `weight` is grad_output
};

// Divides the rows of the gradients among threads; `scratch` as above.
void run_weight_gradients(const DenseGradientKernels& kernels,
                          const DenseWeightGradients& gradients, int threads, float* scratch);

}  // namespace cnnx::ops
