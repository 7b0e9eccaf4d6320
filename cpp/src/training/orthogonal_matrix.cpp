// X becomes X (a + b X'X + c (X'X)^2), which maps each singular value s to a s + b s^3 + c s^5. The
// small products are those of the shorter side: a wide matrix is transposed.
#include "training/orthogonal_matrix.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "cnnx/dense.h"
#include "cnnx/runtime.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"
#include "training/sum_of_squares.h"

namespace cnnx::training {
namespace {

constexpr float kFirst = 3.4445f, kThird = -4.7750f, kFifth = 2.0315f;

// Singular values are at most the Frobenius norm, so dividing by it makes them at most 1.
void normalise(float* matrix, int64_t count) {
  const double sum = add_squares(0, matrix, count, get_num_threads());
  const double factor = sum > 0 ? 1 / std::sqrt(sum) : 0;
  runtime::parallel_for(get_num_threads(), count, runtime::kGrainElements,
                        [&](int64_t begin, int64_t end, int) {
                          for (int64_t i = begin; i < end; ++i)
                            matrix[i] = static_cast<float>(matrix[i] * factor);
                        });
}

void transpose(const float* matrix, int64_t rows, int64_t columns, float* transposed) {
  runtime::parallel_for(get_num_threads(), columns, runtime::kGrainElements / rows + 1,
                        [&](int64_t begin, int64_t end, int) {
                          for (int64_t column = begin; column < end; ++column) {
                            for (int64_t row = 0; row < rows; ++row)
                              transposed[column * rows + row] = matrix[row * columns + column];
                          }
                        });
}

// One iteration of a matrix that is not wide. `square` holds three arrays of columns^2 floats.
void iterate(const float* matrix, int64_t rows, int64_t columns, float* square, float* result) {
  const int64_t count = columns * columns;
  float* const gram = square;
  float* const inner = gram + runtime::round_up_to_line(count);
  float* const outer = inner + runtime::round_up_to_line(count);
  dense_backward({rows, columns, columns}, matrix, matrix, nullptr, nullptr, gram, nullptr);
  for (int64_t i = 0; i < count; ++i) inner[i] = kFifth * gram[i];
  for (int64_t i = 0; i < columns; ++i) inner[i * columns + i] += kThird;
  dense({columns, columns, columns}, gram, inner, nullptr, outer);
  for (int64_t i = 0; i < columns; ++i) outer[i * columns + i] += kFirst;
  dense({rows, columns, columns}, matrix, outer, nullptr, result);
}

}  // namespace

int64_t orthogonalise_scratch_floats(int64_t rows, int64_t columns) {
  const int64_t shorter = std::min(rows, columns);
  return 2 * runtime::round_up_to_line(rows * columns) +
         3 * runtime::round_up_to_line(shorter * shorter);
}

void orthogonalise(float* matrix, int64_t rows, int64_t columns, int64_t iterations,
                   float* scratch) {
  const int64_t count = rows * columns;
  const bool wide = columns > rows;
  float* here = scratch;
  float* there = scratch + runtime::round_up_to_line(count);
  float* const square = there + runtime::round_up_to_line(count);
  normalise(matrix, count);
  if (wide) {
    transpose(matrix, rows, columns, here);
    std::swap(rows, columns);
  } else {
    std::copy_n(matrix, count, here);
  }
  for (int64_t i = 0; i < iterations; ++i) {
    iterate(here, rows, columns, square, there);
    std::swap(here, there);
  }
  if (wide) {
    transpose(here, rows, columns, matrix);
  } else {
    std::copy_n(here, count, matrix);
  }
}

}  // namespace cnnx::training
