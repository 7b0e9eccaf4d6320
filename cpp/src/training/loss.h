// The loss of a trainer: one term, a weighted sum of several for the same targets, or one for each
// head of the model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/model.h"
#include "cnnx/trainer.h"
#include "runtime/memory.h"
#include "training/head_part.h"
#include "training/loss_term.h"

namespace cnnx::training {

// What the sum over a batch is divided by to give its mean. A shard's loss is divided by that of
// the whole batch.
struct LossDivisor {
  double total = 1;
  // Of several terms: the divisor of each, relative to the total, which is then that of the images.
  std::vector<double> terms;
};

class LossFunction {
 public:
  // Throws std::invalid_argument if a model with this output shape (without the batch axis) and
  // these heads cannot have this loss.
  LossFunction(const Loss& loss, const Shape& output_shape, const std::vector<Head>& heads);

  // Of the term that says what the outputs are, and that counts correct predictions: the first that
  // takes logits, or the first.
  const LossTerm& main_term() const { return terms_[main_term_].loss; }
  bool has_heads() const { return has_heads_; }
  // One per head; the main term alone without heads.
  std::vector<const LossTerm*> head_terms() const;
  bool weighs_targets() const;
  // How many labels an image has: one, or one for each position of an output (height, width,
  // classes) of a loss of classes.
  int64_t labels_per_image() const { return main_term().labels_per_image(); }
  int64_t values_per_image() const;
  // Throws std::invalid_argument if a term does not take the targets that mixup makes.
  void check_blends() const;
  // Throws std::invalid_argument unless the targets have the type and range of this loss.
  void check(const Targets& targets, int64_t images) const;
  // Infinite where no target has a weight: loss and gradients are then 0. Targets must have passed
  // check(); without weights they are not read unless weighs_targets().
  LossDivisor divisor(const Targets& targets, int64_t images) const;
  // The gradient is that of sum / divisor; null if it is not needed.
  LossSum sum(const float* outputs, const Targets& targets, int64_t images,
              const LossDivisor& divisor, int threads, float* grad_outputs);
  // Each is 0 where the weights add up to 0. Of several terms the loss of a total over batches is
  // the mean of theirs.
  Metrics metrics(const LossSum& total) const;
  // The sums of each term without its weight, for metrics that are those of all rows as one batch.
  std::vector<LossSum> sums(const float* outputs, const Targets& targets, int64_t images,
                            int threads);
  std::size_t term_count() const { return terms_.size(); }
  // `image_weight` is the sum of the weights of the images, the divisor of several terms.
  Metrics metrics(const std::vector<LossSum>& totals, double image_weight) const;
  // Frees memory that the next sum allocates again.
  void release();

 private:
  struct Term {
    LossTerm loss;
    double weight;
    // Of heads; the arrays of a sum are kept so that a repeated step allocates nothing.
    HeadPart part;
    runtime::AlignedBuffer outputs;
    HeadPart::TargetStorage targets;
  };

  void take_sum(const Loss& loss, const Shape& output_shape);
  void take_heads(const Loss& loss, const std::vector<Head>& heads);
  static double checked_weight(const Loss& term);
  // The part of a head, or all of them without heads.
  Targets targets_of(const Term& term, const Targets& all, int64_t images,
                     HeadPart::TargetStorage& storage) const;
  LossSum sum_of(Term& term, const float* outputs, const Targets& targets, int64_t images,
                 double divisor, int threads, float* grad_outputs) const;
  LossSum sum_of_terms(const float* outputs, const Targets& targets, int64_t images,
                       const LossDivisor& divisor, int threads, float* grad_outputs);

  std::vector<Term> terms_;
  std::size_t main_term_ = 0;
  bool has_heads_ = false;
  int64_t floats_;                        // of an image's output
  runtime::AlignedBuffer term_gradient_;  // of heads, and of all terms of a sum but the first
};

}  // namespace cnnx::training
