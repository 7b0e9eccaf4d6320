// Rows of a data set, checked once and gathered batch by batch for train steps.
#pragma once

#include <vector>

#include "cnnx/trainer.h"
#include "data/augment_masks.h"
#include "runtime/memory.h"
#include "training/mixup.h"
#include "training/shards.h"
#include "training/trainer_state.h"

namespace cnnx::training {

// A data set and its selected rows; checks once, then gathers batches.
class BatchSource {
 public:
  // Error sentences begin with `caller`. No rows: all of them, in order.
  BatchSource(const TrainerState& trainer, const ImageBatch& images, const Targets& targets,
              std::vector<int64_t> rows, const char* caller);

  int64_t count() const { return static_cast<int64_t>(rows_.size()); }
  bool has_weights() const { return targets_.weights != nullptr; }
  // The sum of the weights of all rows.
  double image_weight() const;
  std::vector<int64_t>& rows() { return rows_; }
  // From now on the images are augmented as in this epoch.
  void augment(const Augmentation& augmentation, uint64_t epoch, int64_t first_image);
  // Rows of a batch of the epoch. Mixup blends them with other rows of the whole batch.
  void gather(const Rows& whole, const Rows& rows, int threads, Batch& batch) const;
  // LossFunction::divisor of a batch.
  LossDivisor divisor(const Rows& whole) const;

 private:
  struct PositionTargets {
    int64_t offset;
    data::MaskShapes shapes;
    std::vector<int64_t> beyond;
  };

  Mix mix_of(const Rows& whole) const;
  void gather_images(const int64_t* rows, int64_t count, int threads, Batch& batch) const;
  void gather_targets(const int64_t* rows, int64_t count, int threads, Batch& batch) const;
  data::EpochChanges changes() const {
    return {augmentation_, trainer_.seed, epoch_, first_image_};
  }
  // Targets of an array, unless that is null, which the augmentation moves because they belong to
  // positions: from `offset` on among those of an image, and `beyond` for a position beyond its
  // edges.
  std::vector<PositionTargets> find_moved_targets(const void* array, bool of_labels) const;
  TargetShape target_shape() const;

  const TrainerState& trainer_;
  ImageBatch images_;
  Targets targets_;
  std::vector<int64_t> rows_;
  Augmentation augmentation_;
  std::vector<PositionTargets> moved_labels_, moved_values_;
  uint64_t epoch_ = 0;
  int64_t first_image_ = 0;
};

}  // namespace cnnx::training
