// Gathers masks while they are moved as their images are.
#pragma once

#include <cstdint>

#include "cnnx/shape.h"
#include "data/augment.h"

namespace cnnx::data {

// The shapes of an image and of its mask, (height, width, values of a position), and the number of
// values from one mask to the next.
struct MaskShapes {
  Shape image, mask;
  int64_t step;
};

// Throws std::invalid_argument unless each position of a mask is a whole number of pixels.
void check_masks(const MaskShapes& shapes);

// The masks of the images rows[0], rows[1], ..., as augment_masks() moves them. `beyond` are the
// values of a position beyond the edges. The arguments must have been checked. Threads: at most
// `threads`.
void gather_masks(const int64_t* masks, const int64_t* rows, int64_t count,
                  const MaskShapes& shapes, const EpochChanges& changes, const int64_t* beyond,
                  int threads, int64_t* out);
void gather_masks(const float* masks, const int64_t* rows, int64_t count, const MaskShapes& shapes,
                  const EpochChanges& changes, const float* beyond, int threads, float* out);

}  // namespace cnnx::data
