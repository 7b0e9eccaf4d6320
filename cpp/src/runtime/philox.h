// Random numbers as a function of a counter, not of earlier numbers: Philox4x32-10. It is
// stateless, so any thread may compute any number in any order and get the same bits.
#pragma once

#include <array>
#include <cstdint>

namespace cnnx::runtime {

// The purpose of the numbers; two purposes never share a number, for any seed.
enum class Stream : uint32_t {
  initialise = 1,     // weights of a new model
  shuffle = 2,        // order of the examples, one step per epoch
  xo = 3,             // the X/O images, one step per image
  dropout = 4,        // one step per train step and layer
  augmentation = 5,   // augmentation of training images, one step per epoch
  mixup = 6,          // blending of batches, one step per epoch
  shapes = 7,         // the images of several shapes, one step per image
  single_shapes = 8,  // the images of one shape, one step per image
};

// Steps of a stream are numbered below this.
constexpr uint64_t kPhiloxSteps = uint64_t{1} << 48;

// The bijection itself: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3",
// SC 2011.
std::array<uint32_t, 4> philox4x32(const std::array<uint32_t, 4>& counter,
                                   const std::array<uint32_t, 2>& key) noexcept;

// The numbers of one (seed, stream, step). The key is the seed; the counter holds stream, step and
// index side by side, so different triples below the limits have different counters: step < 2^48,
// index < 2^48 (higher bits are ignored).
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
