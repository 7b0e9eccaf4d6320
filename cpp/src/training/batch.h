// One gathered batch: rows in a chosen order, normalised and contiguous.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/trainer.h"
#include "runtime/memory.h"

namespace cnnx::training {

struct Batch {
  runtime::AlignedBuffer storage, mixed;  // the latter for mixup
  std::vector<int64_t> labels;
  std::vector<float> values, weights;
  const float* input = nullptr;
  Targets targets;
};

}  // namespace cnnx::training
