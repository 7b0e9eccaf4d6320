// Mixup: blends every image of a batch, and its target, with another one.
#pragma once

#include <cstdint>

#include "training/batch.h"

namespace cnnx::training {

// The blend of a batch: image i is weight * image i + (1 - weight) * image i + offset, counted
// cyclically.
struct Mix {
  float weight;
  int64_t offset;
};

// weight ~ Beta(alpha, alpha), 0 < alpha <= 4, offset uniform, for the batch of `count` images that
// begins at row `first` < 2^36 of an epoch.
Mix draw_mix(float alpha, uint64_t seed, uint64_t epoch, int64_t first, int64_t count);

// How the first `count` of `gathered` images are blended, which may be a whole batch, or some of
// its images and then their partners. `mix.offset` counts cyclically in the gathered images.
struct BatchMix {
  Mix mix;
  int64_t count, gathered;
};

// Blends images of `floats` values.
void mix_images(const BatchMix& mix, int64_t floats, int threads, Batch& batch);

// The outputs of an image: so many positions of so many outputs each.
struct TargetShape {
  int64_t positions, outputs;
};

// Labels become soft labels, one per output; target values are blended like images. Weights
// are blended too, and each image then counts in its target in proportion to its weight, so that
// the gradient of a loss is that of the weighted losses of both targets, for every loss that is
// linear or quadratic in the target.
void mix_targets(const BatchMix& mix, const TargetShape& shape, int threads, Batch& batch);

}  // namespace cnnx::training
