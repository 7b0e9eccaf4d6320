// Gathers images while changing and normalising them.
#pragma once

#include <cstdint>

#include "cnnx/augmentation.h"

namespace cnnx::data {

// What decides every change of an epoch's images, with each image's number.
struct EpochChanges {
  const Augmentation& augmentation;
  uint64_t seed, epoch;
  int64_t first_image = 0;  // the number of row 0
};

// As augment_images(), of the images rows[0], rows[1], ... of `images`. `augmentation` and
// `preprocessing` have been checked. Threads: at most `threads`.
void gather_augmented(const ImageBatch& images, const int64_t* rows, int64_t count,
                      const Shape& shape, const Preprocessing& preprocessing,
                      const EpochChanges& changes, int threads, float* out);

}  // namespace cnnx::data
