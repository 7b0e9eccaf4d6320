// The check of the number that keeps a norm's quotient finite.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>

namespace cnnx::ops {

// `epsilon`, or std::invalid_argument that begins with `function`.
inline float checked_epsilon(const char* function, float epsilon) {
  if (epsilon > 0 && !std::isinf(epsilon)) return epsilon;
  throw std::invalid_argument(std::string(function) + ": epsilon is " + std::to_string(epsilon) +
                              ", expected a finite number > 0");
}

}  // namespace cnnx::ops
