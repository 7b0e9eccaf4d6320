// The sum of the squares of many numbers, the same on any number of threads.
#pragma once

#include <cstdint>

namespace cnnx::training {

// `sum` and the squares of `count` values, added chunk by chunk in double precision.
double add_squares(double sum, const float* values, int64_t count, int threads);

}  // namespace cnnx::training
