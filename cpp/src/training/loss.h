// The losses behind one interface: sums over rows, so that batches and machines add up.
#pragma once

#include <cstdint>
#include <string>

#include "cnnx/shape.h"
#include "cnnx/trainer.h"
#include "ops/losses.h"
#include "runtime/memory.h"

namespace cnnx::training {

// Sums over rows; `correct` counts rows, or single outputs for binary cross-entropy.
using LossSum = ops::LossResult;

class LossFunction {
 public:
  // Throws std::invalid_argument if a model with this output (without the batch axis) cannot have
  // this loss.
  LossFunction(const Loss& loss, const Shape& output_shape);

  std::string name() const;
  // Whether it applies softmax or sigmoid itself, and so can count right answers.
  bool takes_logits() const;
  // Throws std::invalid_argument unless the targets are what this loss takes, in range.
  void check(const Targets& targets, int64_t rows) const;
  // What makes the rows' sum their mean: their number, or the weights of their classes; 1 where
  // these are 0. Targets have passed check().
  double divisor(const Targets& targets, int64_t rows) const;
  // The gradient is that of sum / divisor; null when it is not wanted.
  LossSum sum(const float* outputs, const Targets& targets, int64_t rows, double divisor,
              int threads, float* grad_outputs);
  Metrics metrics(const LossSum& total, int64_t rows) const;

 private:
  const float* class_weights() const;  // null: all 1

  Loss loss_;
  int64_t outputs_;
  // Row losses on their way to the sum, kept so that a warm step allocates nothing.
  runtime::AlignedBuffer row_losses_;
};

}  // namespace cnnx::training
