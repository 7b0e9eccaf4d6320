// The X/O images: their labels checked by topology (an O encloses background, an X does not), their
// documented sizes and positions, and their dependence on (size, seed, index) alone.
#include "cnnx/xo.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/runtime.h"

namespace {

struct Samples {
  std::vector<uint8_t> pixels;
  std::vector<int64_t> labels;
};

Samples draw(int64_t count, int64_t size, uint64_t seed) {
  Samples samples;
  samples.pixels.resize(static_cast<size_t>(count * size * size));
  samples.labels.resize(static_cast<size_t>(count));
  cnnx::draw_xo(count, size, seed, samples.pixels.data(), samples.labels.data());
  return samples;
}

// Nonzero where the stroke is, for images so large that its core is fully covered. Background and
// stroke differ by at least 0.45 of the range, and the noise moves a pixel by at most 3.5 standard
// deviations of 0.06: 57 lies between.
std::vector<char> find_ink(const uint8_t* image, int64_t size, int& paper) {
  std::array<int64_t, 256> histogram = {};
  for (int64_t i = 0; i < size * size; ++i) ++histogram[image[i]];
  int64_t seen = 0;
  paper = 0;
  while ((seen += histogram[static_cast<size_t>(paper)]) <= size * size / 2) ++paper;  // the median
  std::vector<char> ink(static_cast<size_t>(size * size));
  for (size_t i = 0; i < ink.size(); ++i) ink[i] = std::abs(image[i] - paper) > 57;
  return ink;
}

// Background pixels that no path from outside the frame reaches.
int64_t enclosed_paper(const std::vector<char>& ink, int64_t size) {
  const int64_t side = size + 2;
  std::vector<char> blocked(static_cast<size_t>(side * side), 0);
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      blocked[static_cast<size_t>((y + 1) * side + x + 1)] = ink[static_cast<size_t>(y * size + x)];
    }
  }
  std::vector<std::pair<int64_t, int64_t>> open = {{0, 0}};
  blocked[0] = 1;
  while (!open.empty()) {
    const auto [y, x] = open.back();
    open.pop_back();
    const std::pair<int64_t, int64_t> neighbours[] = {
        {y - 1, x}, {y + 1, x}, {y, x - 1}, {y, x + 1}};
    for (const auto& [ny, nx] : neighbours) {
      if (ny < 0 || nx < 0 || ny >= side || nx >= side ||
          blocked[static_cast<size_t>(ny * side + nx)])
        continue;
      blocked[static_cast<size_t>(ny * side + nx)] = 1;
      open.push_back({ny, nx});
    }
  }
  return std::count(blocked.begin(), blocked.end(), 0);
}

void labels_are_told_by_the_image() {
  constexpr int64_t kCount = 1000, kSize = 128;
  const Samples samples = draw(kCount, kSize, 11);
  int light_paper = 0, in_each_quarter[2][2] = {};
  int64_t wrong = 0, misplaced = 0, smallest = kSize, largest = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    int paper = 0;
    const std::vector<char> ink = find_ink(samples.pixels.data() + i * kSize * kSize, kSize, paper);
    const int64_t hole = enclosed_paper(ink, kSize);
    const bool is_o = samples.labels[static_cast<size_t>(i)] == 1;
    if (is_o ? hole < kSize * kSize / 100 : hole != 0) ++wrong;

    int64_t top = kSize, bottom = -1, left = kSize, right = -1, light = 0;
    for (int64_t y = 0; y < kSize; ++y) {
      for (int64_t x = 0; x < kSize; ++x) {
        const size_t at = static_cast<size_t>(y * kSize + x);
        if (!ink[at]) continue;
        top = std::min(top, y);
        bottom = std::max(bottom, y);
        left = std::min(left, x);
        right = std::max(right, x);
        if (samples.pixels[static_cast<size_t>(i * kSize * kSize) + at] > paper) ++light;
      }
    }
    const int64_t longer = std::max(bottom - top, right - left) + 1,
                  shorter = std::min(bottom - top, right - left) + 1;
    smallest = std::min(smallest, longer);
    largest = std::max(largest, longer);
    if (shorter * 2 < longer)
      ++misplaced;  // 3:4 rotated by 25 degrees and jittered stays above 1:2
    if (light == 0) ++light_paper;
    ++in_each_quarter[top + bottom > kSize ? 1 : 0][left + right > kSize ? 1 : 0];
  }
  CHECK_EQUAL(wrong, 0);
  CHECK_EQUAL(misplaced, 0);
  // 35 to 80 % of 128 pixels; the threshold may remove a pixel at either end.
  CHECK(smallest >= 43 && smallest <= 48);
  CHECK(largest >= 98 && largest <= 103);
  CHECK(light_paper > 420 && light_paper < 580);
  for (const auto& row : in_each_quarter) {
    for (const int count : row) CHECK(count > 170);
  }
}

void labels_come_in_pairs() {
  const Samples samples = draw(2000, 16, 3);
  int x_first = 0;
  bool paired = true;
  for (size_t pair = 0; pair < 1000; ++pair) {
    paired = paired && samples.labels[2 * pair] + samples.labels[2 * pair + 1] == 1;
    x_first += samples.labels[2 * pair] == 0;
  }
  CHECK(paired);
  CHECK(x_first > 420 && x_first < 580);
}

void an_image_depends_on_seed_and_index_alone() {
  const Samples many = draw(101, 32, 5);
  cnnx::set_num_threads(3);
  const Samples threaded = draw(101, 32, 5), few = draw(7, 32, 5), other = draw(7, 32, 6);
  cnnx::set_num_threads(1);
  const Samples serial = draw(101, 32, 5);
  CHECK(many.pixels == threaded.pixels && many.labels == threaded.labels);
  CHECK(many.pixels == serial.pixels && many.labels == serial.labels);
  CHECK(std::equal(few.pixels.begin(), few.pixels.end(), many.pixels.begin()));
  CHECK(std::equal(few.labels.begin(), few.labels.end(), many.labels.begin()));
  CHECK(few.pixels != other.pixels);
  CHECK(!std::equal(few.pixels.begin(), few.pixels.begin() + 1024, few.pixels.begin() + 1024));
}

// The same bits with every compiler and on every machine: FNV-1a over pixels and labels.
void images_are_pinned() {
  const Samples samples = draw(64, 32, 0);
  uint64_t hash = 14695981039346656037u;
  const auto add = [&](uint64_t byte) { hash = (hash ^ byte) * 1099511628211u; };
  for (const uint8_t pixel : samples.pixels) add(pixel);
  for (const int64_t label : samples.labels) add(static_cast<uint64_t>(label));
  CHECK_EQUAL(hash, uint64_t{10671838229284547873u});
}

void sizes_and_counts_at_the_edge() {
  for (const int64_t size : {16, 17, 33, 1024}) {
    const Samples samples = draw(2, size, 1);
    CHECK(*std::max_element(samples.pixels.begin(), samples.pixels.end()) -
              *std::min_element(samples.pixels.begin(), samples.pixels.end()) >
          80);
  }
  cnnx::draw_xo(0, 32, 0, nullptr, nullptr);
  CHECK_THROWS(std::invalid_argument, "xo: pixels or labels is a null pointer",
               cnnx::draw_xo(1, 32, 0, nullptr, nullptr));
  CHECK_THROWS(std::invalid_argument, "xo: count is -1, expected 0 or more",
               cnnx::draw_xo(-1, 32, 0, nullptr, nullptr));
  CHECK_THROWS(std::invalid_argument, "xo: size is 15, expected 16 to 1024 pixels",
               cnnx::draw_xo(1, 15, 0, nullptr, nullptr));
  CHECK_THROWS(std::invalid_argument, "xo: size is 1025, expected",
               cnnx::draw_xo(1, 1025, 0, nullptr, nullptr));
}

}  // namespace

int xo_test(int, char*[]) {
  labels_are_told_by_the_image();
  labels_come_in_pairs();
  an_image_depends_on_seed_and_index_alone();
  images_are_pinned();
  sizes_and_counts_at_the_edge();
  return cnnx::test::finish("xo_test");
}
