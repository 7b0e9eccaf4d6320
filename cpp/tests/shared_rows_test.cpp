// SharedRows: bands cover every row of every image once, whatever parts threads take.
#include "ops/shared_rows.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.h"

namespace {

using cnnx::ops::SharedRows;

void bands_cover_rows_once(int64_t images, int64_t rows, int64_t shared, int64_t most) {
  const SharedRows division(rows, shared, most);
  const int64_t parts = images * division.parts();
  for (int64_t cut = 0; cut <= parts; ++cut) {
    std::vector<int> covered(static_cast<std::size_t>(images * rows));
    int64_t longest = 0;
    const auto cover = [&](int64_t image, int64_t first, int64_t last) {
      CHECK(first < last && last <= rows);
      longest = std::max(longest, last - first);
      for (int64_t row = first; row < last; ++row)
        ++covered[static_cast<std::size_t>(image * rows + row)];
    };
    division.for_each_band(0, cut, cover);
    division.for_each_band(cut, parts, cover);
    CHECK(std::all_of(covered.begin(), covered.end(), [](int times) { return times == 1; }));
    CHECK(longest <= std::min(rows, std::max(most, shared)));
    CHECK(longest <= division.most_band_rows());
  }
}

void all_rows_are_covered() {
  for (int64_t rows = 0; rows <= 20; ++rows) {
    for (int64_t shared = 1; shared <= 22; shared += 3) {
      for (int64_t most = 0; most <= 24; most += 4) bands_cover_rows_once(3, rows, shared, most);
    }
  }
}

// Twelve rows of a third of the least work, in tiles of two: threads share four at a time.
void parts_have_enough_work() {
  const int64_t least = cnnx::ops::kGrainMultiplyAdds / 8;
  CHECK_EQUAL(SharedRows::of_work(12, 2, least / 3, 12).parts(), int64_t{3});
  CHECK_EQUAL(SharedRows::of_work(12, 2, 2 * least, 12).parts(), int64_t{6});
  CHECK_EQUAL(SharedRows::of_work(12, 2, 0, 12).parts(), int64_t{1});
}

void one_thread_has_even_bands() {
  std::vector<int64_t> lengths;
  SharedRows(28, 2, 10).for_each_band(
      0, 14, [&](int64_t, int64_t first, int64_t last) { lengths.push_back(last - first); });
  CHECK((lengths == std::vector<int64_t>{10, 10, 8}));
}

}  // namespace

int shared_rows_test(int, char*[]) {
  all_rows_are_covered();
  parts_have_enough_work();
  one_thread_has_even_bands();
  return cnnx::test::finish("shared_rows_test");
}
