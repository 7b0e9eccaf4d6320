// Mixup: blends every image of a batch, and its target, with another one.
#pragma once

#include <cstdint>

#include "training/batch_source.h"

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

// Blends a gathered batch of `count` images of `floats` values. Labels of `outputs` classes become
// soft labels; target values are blended like images. Weights are blended too, and each image then
// counts in its target in proportion to its weight, so that the gradient of a loss is that of the
// weighted losses of both targets, for every loss that is linear or quadratic in the target.
void mix_batch(const Mix& mix, int64_t count, int64_t floats, int64_t outputs, int threads,
               Batch& batch);

}  // namespace cnnx::training
