// Fisher-Yates shuffle with unbiased random numbers from Philox.
#include "data/shuffle.h"

#include <utility>

#include "runtime/philox.h"

namespace cnnx::data {
namespace {

// The high and low 64 bits of a product.
struct WideProduct {
  uint64_t high, low;
};

WideProduct multiply(uint64_t a, uint64_t b) {
  const uint64_t a_low = a & 0xFFFFFFFFu, a_high = a >> 32, b_low = b & 0xFFFFFFFFu,
                 b_high = b >> 32;
  const uint64_t middle = a_high * b_low + (a_low * b_low >> 32);
  const uint64_t cross = a_low * b_high + (middle & 0xFFFFFFFFu);
  return {a_high * b_high + (middle >> 32) + (cross >> 32), a * b};
}

// Uniform in [0, bound), bound >= 1, for index `index` < 2^40 of a shuffle: Lemire, "Fast Random
// Integer Generation in an Interval", ACM TOMACS 29(1), 2019. A rejected number (fewer than one in
// 2^24) is replaced from the block of the next attempt, which is numbered in the index's upper
// bits.
int64_t draw_below(int64_t bound, const runtime::Philox& random, int64_t index) {
  const uint64_t range = static_cast<uint64_t>(bound);
  for (uint64_t attempt = 0;; ++attempt) {
    const auto words = random.block(static_cast<uint64_t>(index) | (attempt << 40));
    const WideProduct product = multiply((uint64_t{words[1]} << 32) | words[0], range);
    if (product.low >= range || product.low >= (0 - range) % range)
      return static_cast<int64_t>(product.high);
  }
}

}  // namespace

void permutation(int64_t count, uint64_t seed, uint64_t epoch, int64_t* order) {
  const runtime::Philox random(seed, runtime::Stream::shuffle, epoch);
  for (int64_t i = 0; i < count; ++i) order[i] = i;
  for (int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[draw_below(i + 1, random, i)]);
}

}  // namespace cnnx::data
