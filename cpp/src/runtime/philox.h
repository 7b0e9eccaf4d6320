// Random numbers that are a function of where they are used, not of what was drawn before:
// Philox4x32-10. It is stateless, so any thread may ask for any number in any order and get the
// same bits.
#pragma once

#include <array>
#include <cstdint>

namespace cnnx::runtime {

// What the numbers are for; two purposes never share a number, whatever the seed.
enum class Stream : uint32_t {
  initialise = 1,    // weights of a new model
  shuffle = 2,       // order of the examples, one step per epoch
  drawing = 3,       // the X-and-O drawings, one step per drawing
  dropout = 4,       // one step per train step and layer
  augmentation = 5,  // changes of images while training, one step per epoch
  mixup = 6,         // how batches are blended, one step per epoch
};

// The bijection itself: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3",
// SC 2011.
std::array<uint32_t, 4> philox4x32(const std::array<uint32_t, 4>& counter,
                                   const std::array<uint32_t, 2>& key) noexcept;

// The numbers of one (seed, stream, step). The key is the seed; the counter holds stream, step and
// index side by side, so different triples below the limits give different counters: step < 2^48,
// index < 2^48 (higher bits of either are not used).
class Philox {
 public:
  Philox(uint64_t seed, uint32_t stream, uint64_t step) noexcept;
  Philox(uint64_t seed, Stream stream, uint64_t step) noexcept
      : Philox(seed, static_cast<uint32_t>(stream), step) {}

  // Four independent words, each uniform over all 32-bit values.
  std::array<uint32_t, 4> block(uint64_t index) const noexcept;

  // Uniform in [0, 1), a multiple of 2^-24: word `index % 4` of block `index / 4`.
  float uniform(uint64_t index) const noexcept;

 private:
  std::array<uint32_t, 2> key_;
  uint32_t stream_;
  uint64_t step_;
};

// The conversion that uniform() uses, for callers that take whole blocks.
inline float unit_float(uint32_t word) noexcept { return static_cast<float>(word >> 8) * 0x1p-24f; }

}  // namespace cnnx::runtime
