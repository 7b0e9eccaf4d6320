// The three losses behind one interface: sums over rows, so that batches and machines add up.
#pragma once

#include <cstdint>
#include <string>

#include "cnnx/shape.h"
#include "cnnx/trainer.h"
#include "runtime/memory.h"

namespace cnnx::training {

// Sums over rows; a row's loss is already a mean over its outputs where the loss says so.
struct LossSum {
  double sum = 0;
  int64_t correct = 0;  // of rows, or of single outputs for binary cross-entropy
  LossSum& operator+=(const LossSum& other) {
    sum += other.sum;
    correct += other.correct;
    return *this;
  }
};

class LossFunction {
 public:
  // Throws std::invalid_argument if a model with this output (without the batch axis) cannot have this loss.
  LossFunction(const Loss& loss, const Shape& output_shape);

  std::string name() const;
  // Throws std::invalid_argument unless the targets are what this loss takes, in range.
  void check(const Targets& targets, int64_t rows) const;
  LossSum value(const float* outputs, const Targets& targets, int64_t rows, int threads) const;
  // Writes d(sum / divisor) / d(outputs).
  LossSum value_and_gradient(const float* outputs, const Targets& targets, int64_t rows, double divisor, int threads,
                             float* grad_outputs) const;
  Metrics metrics(const LossSum& total, int64_t rows) const;

 private:
  Loss loss_;
  int64_t outputs_;
  // Row losses on their way to the sum, kept so that a warm step allocates nothing.
  mutable runtime::AlignedBuffer row_losses_;
};

}  // namespace cnnx::training
