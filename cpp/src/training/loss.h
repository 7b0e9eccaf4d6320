// The losses behind one interface: sums over rows, which add up over batches and machines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/shape.h"
#include "cnnx/trainer.h"
#include "ops/losses.h"
#include "runtime/memory.h"

namespace cnnx::training {

// Sums over rows, which are images or their positions; `correct` counts rows, or single outputs for
// binary cross-entropy, each by the weight of its row.
using LossSum = ops::LossResult;

class LossFunction {
 public:
  // Throws std::invalid_argument if a model with this output shape (without the batch axis) cannot
  // have this loss.
  LossFunction(const Loss& loss, const Shape& output_shape);

  std::string name() const;
  // Whether it applies softmax or sigmoid itself, and so can count correct predictions.
  bool takes_logits() const;
  bool has_class_weights() const { return class_weights() != nullptr; }
  // How many labels an image has: one, or one for each position of an output (height, width,
  // classes) of cross-entropy.
  int64_t labels_per_image() const { return positions_; }
  // Throws std::invalid_argument unless the targets have the type and range of this loss.
  void check(const Targets& targets, int64_t images) const;
  // The divisor of the rows' sum that gives the mean: their number, or the sum of their weights; 1
  // where this is 0. Targets must have passed check().
  double divisor(const Targets& targets, int64_t images) const;
  // The gradient is that of sum / divisor; null if it is not needed.
  LossSum sum(const float* outputs, const Targets& targets, int64_t images, double divisor,
              int threads, float* grad_outputs);
  // Each is 0 where the weights add up to 0.
  Metrics metrics(const LossSum& total) const;
  // Frees memory that the next sum allocates again.
  void release() {
    row_losses_ = runtime::AlignedBuffer();
    row_correct_ = runtime::AlignedBuffer();
    position_weights_ = {};
  }

 private:
  const float* class_weights() const;  // null: all 1
  // The weights of images as those of all their positions.
  const float* position_weights(const float* weights, int64_t images,
                                std::vector<float>& storage) const;

  Loss loss_;
  int64_t positions_ = 1;
  int64_t outputs_;  // of a position
  // Losses and correct predictions of rows before their sum, stored so that a repeated step
  // allocates nothing.
  runtime::AlignedBuffer row_losses_, row_correct_;
  std::vector<float> position_weights_;
};

}  // namespace cnnx::training
