// One loss behind one interface for all kinds: sums over rows, which add up over batches and
// machines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/loss.h"
#include "cnnx/shape.h"
#include "ops/losses.h"
#include "runtime/memory.h"

namespace cnnx::training {

// Sums over rows, which are images or their positions; `correct` counts rows, or single outputs for
// binary cross-entropy, each by the weight of its row.
using LossSum = ops::LossResult;

// The name of a kind, also of those that no text has.
std::string name_of_kind(Loss::Kind kind);

// Throws std::invalid_argument for a kind that is none, and for a member that differs from its
// default but is none of the kind's settings. Terms of a loss have a weight.
void check_members(const Loss& loss, bool is_term);

class LossTerm {
 public:
  // Throws std::invalid_argument if a model with this output shape (without the batch axis) cannot
  // have this loss.
  LossTerm(const Loss& loss, const Shape& output_shape);

  std::string name() const;
  const Shape& output_shape() const { return output_shape_; }
  // Whether it applies softmax or sigmoid itself.
  bool takes_logits() const;
  bool is_custom() const { return loss_.kind == Loss::Kind::custom; }
  // Whether targets may be blends, as mixup makes them.
  bool takes_blends() const {
    return !is_custom() && !loss_.ignore_index &&
           !(loss_.kind == Loss::Kind::focal && takes_classes_);
  }
  bool counts_correct() const { return takes_logits() && !is_custom(); }
  // Whether the softmax of its outputs are probabilities of classes.
  bool takes_classes() const { return takes_classes_; }
  // Of images without weights: how many labels an image has, and positions that count for accuracy.
  int64_t labels_per_image() const { return positions_; }
  int64_t values_per_image() const { return values_; }
  const std::optional<int64_t>& ignore_index() const { return loss_.ignore_index; }
  // Whether the divisor depends on the targets.
  bool weighs_targets() const { return class_weights() || loss_.ignore_index; }
  // Throws std::invalid_argument unless the targets have the type and range of this loss.
  void check(const Targets& targets, int64_t images) const;
  // The divisor of the rows' sum that gives the mean: their number, or the sum of their weights.
  // Targets must have passed check(); they are not read unless they are weighed.
  double weight(const Targets& targets, int64_t images) const;
  // The gradient is that of sum / divisor; null if it is not needed.
  LossSum sum(const float* outputs, const Targets& targets, int64_t images, double divisor,
              int threads, float* grad_outputs);
  // Of a sum that counts correct predictions.
  double accuracy(const LossSum& total) const;
  // Frees memory that the next sum allocates again.
  void release() {
    row_losses_ = runtime::AlignedBuffer();
    row_correct_ = runtime::AlignedBuffer();
    position_weights_ = {};
  }

 private:
  bool is_tversky() const {
    return loss_.kind == Loss::Kind::dice || loss_.kind == Loss::Kind::tversky;
  }
  const float* class_weights() const;  // null: all 1
  ops::ClassTargets class_targets(const Targets& targets) const;
  ops::TverskySettings tversky_settings() const;
  LossSum custom_sum(const float* outputs, const Targets& targets, int64_t images, double divisor,
                     float* grad_outputs) const;
  void check_class_weights(const Shape& output_shape) const;
  // The weights of images as those of all their positions.
  const float* position_weights(const float* weights, int64_t images,
                                std::vector<float>& storage) const;

  Loss loss_;
  Shape output_shape_;
  bool takes_classes_ = false;
  int64_t positions_ = 1;
  int64_t outputs_;  // of a position
  int64_t values_;   // targets of an image that are no labels
  // Losses and correct predictions of rows before their sum, stored so that a repeated step
  // allocates nothing.
  runtime::AlignedBuffer row_losses_, row_correct_;
  std::vector<float> position_weights_;
};

}  // namespace cnnx::training
