// Philox4x32-10, the counter-based generator behind every random number of cnnx.
#include "runtime/philox.h"

namespace cnnx::runtime {

std::array<uint32_t, 4> philox4x32(const std::array<uint32_t, 4>& counter,
                                   const std::array<uint32_t, 2>& key) noexcept {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;  // golden ratio, sqrt(3) - 1
  constexpr int kRounds = 10;
  std::array<uint32_t, 4> state = counter;
  uint32_t key0 = key[0], key1 = key[1];
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = kMultiplier0 * state[0];
    const uint64_t product1 = kMultiplier1 * state[2];
    state = {
        static_cast<uint32_t>(product1 >> 32) ^ state[1] ^ key0, static_cast<uint32_t>(product1),
        static_cast<uint32_t>(product0 >> 32) ^ state[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return state;
}

Philox::Philox(uint64_t seed, uint32_t stream, uint64_t step) noexcept
    : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
      stream_(stream),
      step_(step) {}

std::array<uint32_t, 4> Philox::block(uint64_t index) const noexcept {
  const uint32_t index_top = static_cast<uint32_t>(index >> 32) & 0xFFFFu;
  const uint32_t step_top = static_cast<uint32_t>(step_ >> 32) & 0xFFFFu;
  return philox4x32({static_cast<uint32_t>(index), index_top | (step_top << 16),
                     static_cast<uint32_t>(step_), stream_},
                    key_);
}

float Philox::uniform(uint64_t index) const noexcept {
  return unit_float(block(index / 4)[index % 4]);
}

}  // namespace cnnx::runtime
