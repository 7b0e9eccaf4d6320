// The order of an epoch: a uniformly random permutation, a function of (seed, epoch) alone.
#include "data/shuffle.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <numeric>
#include <vector>

#include "check.h"

namespace {

std::vector<int64_t> shuffled(int64_t count, uint64_t seed, uint64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  cnnx::data::permutation(count, seed, epoch, order.data());
  return order;
}

void every_number_once() {
  for (const int64_t count : {0, 1, 2, 3, 64, 1001, 60000}) {
    std::vector<int64_t> sorted = shuffled(count, 1, 2), expected(static_cast<size_t>(count));
    std::sort(sorted.begin(), sorted.end());
    std::iota(expected.begin(), expected.end(), int64_t{0});
    CHECK(sorted == expected);
  }
}

void depends_on_seed_and_epoch() {
  const auto order = shuffled(100, 1, 0);
  CHECK(order == shuffled(100, 1, 0));
  CHECK(order != shuffled(100, 1, 1));
  CHECK(order != shuffled(100, 2, 0));
  CHECK(order != shuffled(100, 1, uint64_t{1} << 47));
}

// Chi-squared over the 24 orders of four: 23 degrees of freedom; 60 has a probability below 1 in 10
// 000.
void every_order_equally_likely() {
  constexpr int kTrials = 24000;
  std::map<std::vector<int64_t>, int> seen;
  for (int epoch = 0; epoch < kTrials; ++epoch)
    ++seen[shuffled(4, 9, static_cast<uint64_t>(epoch))];
  CHECK_EQUAL(seen.size(), 24u);
  double chi_squared = 0;
  for (const auto& [order, times] : seen)
    chi_squared += (times - 1000.0) * (times - 1000.0) / 1000.0;
  CHECK(chi_squared < 60);
}

// The positions of 50 numbers over many epochs: 49 * 49 degrees of freedom, 2401 +- 5 * 69.
void every_place_equally_likely() {
  constexpr int kCount = 50, kTrials = 20000;
  std::array<std::array<int, kCount>, kCount> landed = {};
  for (int epoch = 0; epoch < kTrials; ++epoch) {
    const auto order = shuffled(kCount, 4, static_cast<uint64_t>(epoch));
    for (size_t place = 0; place < kCount; ++place)
      ++landed[place][static_cast<size_t>(order[place])];
  }
  const double expected = static_cast<double>(kTrials) / kCount;
  double chi_squared = 0;
  for (const auto& row : landed) {
    for (const int times : row) chi_squared += (times - expected) * (times - expected) / expected;
  }
  CHECK(chi_squared > 2401 - 350 && chi_squared < 2401 + 350);
}

// The same order in every version and on every machine; the expected numbers come from a second
// implementation in Python.
void orders_are_pinned() {
  CHECK((shuffled(10, 0, 0) == std::vector<int64_t>{4, 7, 8, 1, 2, 5, 3, 0, 6, 9}));
  CHECK((shuffled(10, (uint64_t{1} << 40) + 5, 3) ==
         std::vector<int64_t>{9, 6, 1, 7, 2, 0, 3, 4, 8, 5}));
}

}  // namespace

int shuffle_test(int, char*[]) {
  every_number_once();
  depends_on_seed_and_epoch();
  every_order_equally_likely();
  every_place_equally_likely();
  orders_are_pinned();
  return cnnx::test::finish("shuffle_test");
}
