// The softmax of rows of few classes, sixteen rows at a time: vectors run along the rows. The bits
// are those of softmax_row.h, whose vectors run along the classes and would be mostly empty.
#pragma once

#include "kernels/softmax_row.h"

namespace {

constexpr int64_t kFewClasses = kSums;  // a row's classes are one set of lanes of softmax_row.h
constexpr int64_t kRowsAtOnce = 16;

class FewClasses {
 public:
  // The classes of sixteen rows.
  CNNX_INLINE FewClasses(const float* x, int64_t classes) : classes_(classes) {
    for (int64_t j = 0; j < classes_; ++j) {
      for (int64_t row = 0; row < kRowsAtOnce; ++row) value_[j][row] = x[row * classes_ + j];
    }
  }

  CNNX_INLINE const float (&operator[](int64_t j) const)[kRowsAtOnce] { return value_[j]; }

  // Replaces every value by exp(value - maximum); the maxima and sums are those of the rows.
  CNNX_INLINE void take_exponentials(float* maximum, float* sum) {
    find_maximum(maximum);
    for (int64_t j = 0; j < classes_; ++j) {
      for (int64_t row = 0; row < kRowsAtOnce; ++row)
        value_[j][row] = exp_below(value_[j][row], maximum[row]);
    }
    find_sum(sum);
  }

  CNNX_INLINE void divide_by(const float* divisor) {
    for (int64_t j = 0; j < classes_; ++j) {
      for (int64_t row = 0; row < kRowsAtOnce; ++row) value_[j][row] /= divisor[row];
    }
  }

  CNNX_INLINE void write(float* output) const {
    for (int64_t j = 0; j < classes_; ++j) {
      for (int64_t row = 0; row < kRowsAtOnce; ++row) output[row * classes_ + j] = value_[j][row];
    }
  }

 private:
  // As row_maximum does, which folds the upper half of sixteen lanes to the lower, and so on. Lanes
  // beyond the classes never win.
  CNNX_INLINE void find_maximum(float* maximum) const {
    float lane[kFewClasses][kRowsAtOnce];
    for (int64_t j = 0; j < classes_; ++j) copy(value_[j], lane[j]);
    for (int64_t width = kFewClasses / 2; width > 0; width /= 2) {
      for (int64_t j = 0; j + width < classes_ && j < width; ++j) {
        const float* other = lane[j + width];
        for (int64_t row = 0; row < kRowsAtOnce; ++row)
          lane[j][row] = select(other[row] > lane[j][row], other[row], lane[j][row]);
      }
    }
    copy(lane[0], maximum);
  }

  // The sums of the exponentials, as CarefulSums adds up one number per lane.
  CNNX_INLINE void find_sum(float* sum) const {
    double lane[kFewClasses][kRowsAtOnce];
    for (int64_t j = 0; j < classes_; ++j) {
      for (int64_t row = 0; row < kRowsAtOnce; ++row)
        lane[j][row] = static_cast<double>(value_[j][row]);
    }
    for (int64_t width = kFewClasses / 2; width > 0; width /= 2) {
      for (int64_t j = 0; j + width < classes_ && j < width; ++j) {
        for (int64_t row = 0; row < kRowsAtOnce; ++row) lane[j][row] += lane[j + width][row];
      }
    }
    for (int64_t row = 0; row < kRowsAtOnce; ++row) sum[row] = static_cast<float>(lane[0][row]);
  }

  static CNNX_INLINE void copy(const float* from, float* to) {
    for (int64_t row = 0; row < kRowsAtOnce; ++row) to[row] = from[row];
  }

  int64_t classes_;
  float value_[kFewClasses][kRowsAtOnce];
};

// The softmax of sixteen rows of few classes.
CNNX_INLINE void write_softmax_of_few_classes(const float* x, int64_t classes, float* output) {
  float maximum[kRowsAtOnce], sum[kRowsAtOnce];
  FewClasses values(x, classes);
  values.take_exponentials(maximum, sum);
  values.divide_by(sum);
  values.write(output);
}

}  // namespace
