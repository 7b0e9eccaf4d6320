// Gathers images while augmenting and normalising them.
#pragma once

#include <cstdint>

#include "cnnx/augmentation.h"

namespace cnnx::data {

// The inputs of all random changes of an epoch's images, besides each image's number.
struct EpochChanges {
  const Augmentation& augmentation;
  uint64_t seed, epoch;
  int64_t first_image = 0;  // the number of row 0
};

// Like augment_images(), for the images rows[0], rows[1], ... of `images`. `augmentation` and
// `preprocessing` must have been checked. Threads: at most `threads`.
void gather_augmented(const ImageBatch& images, const int64_t* rows, int64_t count,
                      const Shape& shape, const Preprocessing& preprocessing,
                      const EpochChanges& changes, int threads, float* out);

}  // namespace cnnx::data
