// The channel shuffle of floats, for ops that transpose matrices.
#pragma once

#include <cstdint>

namespace cnnx::ops {

struct Shuffle {
  int64_t rows, groups, group_channels;
  int64_t channels() const { return groups * group_channels; }
};

// Channel j of group g becomes channel j * groups + g of each row: a row is a matrix with the
// channels of a group in each row, and is transposed.
void shuffle_channels(const Shuffle& shuffle, const float* x, int threads, float* output);

}  // namespace cnnx::ops
