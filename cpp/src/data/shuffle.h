// The order of the examples in an epoch: a random permutation that depends on (seed, epoch) alone.
#pragma once

#include <cstdint>

#include "runtime/philox.h"

namespace cnnx::data {

// The number of the order that splits a data set. Epochs have lower ones, so they share no random
// number with the split.
constexpr uint64_t kSplitEpoch = runtime::kPhiloxSteps - 1;

// order = a permutation of 0 .. count-1, every one equally likely; 0 <= count < 2^40, epoch < 2^48.
void permutation(int64_t count, uint64_t seed, uint64_t epoch, int64_t* order);

}  // namespace cnnx::data
