// Philox against the published test vectors, and the guarantees of its counter layout.
#include "runtime/philox.h"

#include <array>
#include <cstdint>
#include <set>

#include "check.h"

namespace {

using cnnx::runtime::Philox;
using cnnx::runtime::Stream;

// The three philox4x32-10 rows of Random123's tests/kat_vectors.
void known_vectors() {
  using Words = std::array<uint32_t, 4>;
  CHECK((cnnx::runtime::philox4x32({0, 0, 0, 0}, {0, 0}) ==
         Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  CHECK((cnnx::runtime::philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
         Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  CHECK((cnnx::runtime::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                                   {0xa4093822, 0x299f31d0}) ==
         Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Every part of (seed, stream, step, index) changes the numbers, including its high bits.
void no_two_indices_share_a_block() {
  std::set<std::array<uint32_t, 4>> seen;
  int count = 0;
  for (uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63}) {
    for (Stream stream : {Stream::initialise, Stream::shuffle, Stream::xo}) {
      for (uint64_t step : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, uint64_t{1} << 47}) {
        for (uint64_t index : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, uint64_t{1} << 47}) {
          seen.insert(Philox(seed, stream, step).block(index));
          ++count;
        }
      }
    }
  }
  CHECK(seen.size() == static_cast<size_t>(count));
}

void uniform_is_uniform() {
  const Philox random(7, Stream::initialise, 0);
  constexpr int kCount = 1 << 16;
  double sum = 0, sum_of_squares = 0;
  bool inside = true, exact = true;
  for (uint64_t index = 0; index < kCount; ++index) {
    const float value = random.uniform(index);
    inside = inside && value >= 0.0f && value < 1.0f;
    const float scaled = value * 0x1p24f;
    exact = exact && scaled == static_cast<float>(static_cast<uint32_t>(scaled));
    sum += value;
    sum_of_squares += static_cast<double>(value) * value;
  }
  CHECK(inside);
  CHECK(exact);
  const double mean = sum / kCount;
  const double variance = sum_of_squares / kCount - mean * mean;
  CHECK(mean > 0.5 - 0.005 && mean < 0.5 + 0.005);  // 4.4 standard errors
  CHECK(variance > 1.0 / 12 - 0.002 && variance < 1.0 / 12 + 0.002);
  CHECK(random.uniform(5) == cnnx::runtime::unit_float(random.block(1)[1]));
  CHECK(cnnx::runtime::unit_float(0xffffffff) < 1.0f);
}

}  // namespace

int philox_test(int, char*[]) {
  known_vectors();
  no_two_indices_share_a_block();
  uniform_is_uniform();
  return cnnx::test::finish("philox_test");
}
