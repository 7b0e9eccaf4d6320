// Whether a row of logits predicts its label.
#pragma once

#include <stdint.h>

namespace {

// False if the row contains a NaN.
inline bool label_is_first_maximum(const float* x, int64_t count, int64_t label) {
  const float value = x[label];
  int32_t beaten = 0;
  for (int64_t j = 0; j < label; ++j) beaten |= !(x[j] < value);
  for (int64_t j = label; j < count; ++j) beaten |= !(x[j] <= value);
  return !beaten;
}

}  // namespace
