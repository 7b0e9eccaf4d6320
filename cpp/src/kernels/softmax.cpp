// Softmax, row by row.
#include "kernels/softmax.h"

#include "kernels/softmax_row.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

void forward(const float* x, int64_t rows, int64_t classes, float* output) {
  for (int64_t row = 0; row < rows; ++row, x += classes, output += classes) {
    const float sum = row_exponentials(x, classes, row_maximum(x, classes), output);
    for (int64_t j = 0; j < classes; ++j) output[j] /= sum;
  }
}

// sum of a[i] * b[i]
float dot(const float* a, const float* b, int64_t count) {
  SixteenSums sums;
  for (int64_t i = 0; i < count; i += kSums) {
    float left[kSums], right[kSums];
    read_sixteen(a + i, count - i, 0.0f, left);
    read_sixteen(b + i, count - i, 0.0f, right);
    sums.add_products(left, right);
  }
  return sums.total();
}

void backward(const float* grad_output, const float* output, int64_t rows, int64_t classes,
              bool accumulate, float* grad_input) {
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t offset = row * classes;
    const float* __restrict grad = grad_output + offset, * __restrict y = output + offset;
    float* __restrict target = grad_input + offset;
    const float mean = dot(grad, y, classes);
    if (accumulate) {
      for (int64_t j = 0; j < classes; ++j) target[j] += y[j] * (grad[j] - mean);
    } else {
      for (int64_t j = 0; j < classes; ++j) target[j] = y[j] * (grad[j] - mean);
    }
  }
}

}  // namespace

const SoftmaxKernels softmax_kernels = {forward, backward};

}  // namespace CNNX_ISA
}  // namespace cnnx
