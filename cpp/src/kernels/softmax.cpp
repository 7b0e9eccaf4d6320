// Softmax and its logarithm, row by row.
#include "kernels/softmax.h"

#include "kernels/few_classes.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

void forward(const float* x, int64_t rows, int64_t classes, float* output) {
  int64_t row = 0;
  if (classes <= kFewClasses) {
    for (; row + kRowsAtOnce <= rows; row += kRowsAtOnce) {
      write_softmax_of_few_classes(x, classes, output);
      x += kRowsAtOnce * classes;
      output += kRowsAtOnce * classes;
    }
  }
  for (; row < rows; ++row, x += classes, output += classes) {
    write_softmax_of_row(x, classes, output);
  }
}

void backward(const float* grad_output, const float* output, int64_t rows, int64_t classes,
              bool accumulate, float* grad_input) {
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t offset = row * classes;
    const float* __restrict grad = grad_output + offset, * __restrict y = output + offset;
    float* __restrict target = grad_input + offset;
    const float mean = sum_of_products(grad, y, classes);
    if (accumulate) {
      for (int64_t j = 0; j < classes; ++j) target[j] += y[j] * (grad[j] - mean);
    } else {
      for (int64_t j = 0; j < classes; ++j) target[j] = y[j] * (grad[j] - mean);
    }
  }
}

// (x - maximum) - log(sum of exp(x - maximum)). The logarithm is that of 1 plus the exponentials
// below the maximum's, so that it is accurate where they are small.
void log_forward(const float* x, int64_t rows, int64_t classes, float* output) {
  for (int64_t row = 0; row < rows; ++row, x += classes, output += classes) {
    const float maximum = row_maximum(x, classes);
    const float excess = row_exponentials(x, classes, maximum, nullptr).excess();
    const float log_of_sum = excess > 1.0f ? log_f32(1.0f + excess) : log1p_f32(excess);
    for (int64_t j = 0; j < classes; ++j) output[j] = (x[j] - maximum) - log_of_sum;
  }
}

void log_backward(const float* grad_output, const float* output, int64_t rows, int64_t classes,
                  bool accumulate, float* grad_input) {
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t offset = row * classes;
    const float* __restrict grad = grad_output + offset, * __restrict y = output + offset;
    float* __restrict target = grad_input + offset;
    const float sum = sum_of(grad, classes);
    if (accumulate) {
      for (int64_t j = 0; j < classes; ++j) target[j] += grad[j] - exp_f32(y[j]) * sum;
    } else {
      for (int64_t j = 0; j < classes; ++j) target[j] = grad[j] - exp_f32(y[j]) * sum;
    }
  }
}

}  // namespace

const SoftmaxKernels softmax_kernels = {forward, log_forward};
const SoftmaxGradientKernels softmax_gradient_kernels = {backward, log_backward};

}  // namespace CNNX_ISA
}  // namespace cnnx
