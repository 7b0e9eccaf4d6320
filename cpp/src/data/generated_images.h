// What the generated data sets share: random numbers in order, noise, and pixels of levels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/philox.h"

namespace cnnx::data {

constexpr float kPi = 3.14159265f;

// The random numbers of one image, one after the other.
class RandomSequence {
 public:
  explicit RandomSequence(const runtime::Philox& philox) : philox_(philox) {}
  float between(float low, float high) { return low + (high - low) * philox_.uniform(next_++); }

 private:
  const runtime::Philox& philox_;
  uint64_t next_ = 0;
};

// The sum of a word's four bytes less its mean. It is close to a Gaussian.
constexpr float kByteSumDeviation = 147.8f;
inline float centred_byte_sum(uint32_t word) {
  const uint32_t sum = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24);
  return static_cast<float>(sum) - 510.0f;
}

// The nearest of 256 values to a level, which is limited to 0..1.
inline uint8_t pixel_of_level(float level) {
  const float value = std::min(1.0f, std::max(0.0f, level)) * 255.0f;
  return static_cast<uint8_t>(value + 0.5f);  // NOLINT(bugprone-incorrect-roundings): >= 0
}

}  // namespace cnnx::data
