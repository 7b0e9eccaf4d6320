// Mixup: every image of a batch is blended with another one, and so are their targets.
#pragma once

#include <cstdint>

#include "training/batch_source.h"

namespace cnnx::training {

// How a batch is mixed: image i keeps this share of itself, and the rest comes from image
// i + offset, counted around.
struct Mix {
  float share;
  int64_t offset;
};

// share ~ Beta(alpha, alpha), 0 < alpha <= 4, offset uniform, for the batch of `count` images
// that begins at place `first` < 2^36 of an epoch.
Mix draw_mix(float alpha, uint64_t seed, uint64_t epoch, int64_t first, int64_t count);

// Blends a gathered batch of `count` images of `floats` values. Labels of `outputs` classes
// become shares of them; target values are blended like images.
void mix_batch(const Mix& mix, int64_t count, int64_t floats, int64_t outputs, int threads,
               Batch& batch);

}  // namespace cnnx::training
