// Images with their targets, as passed from C.
#pragma once

#include <cstdint>
#include <vector>

#include "c_api/call.h"
#include "cnnx/trainer.h"

namespace cnnx::c_api {

struct Samples {
  // `weights`: one per image, or null.
  Samples(const Call& call, const cnnx_samples* samples, const float* weights);
  // For functions that take whole batches.
  void refuse_rows(const Call& call) const;

  ImageBatch images;
  Targets targets;
  std::vector<int64_t> rows;  // empty: all
};

}  // namespace cnnx::c_api
