// The images of shapes: their bits, their masks and boxes against the colours, and their
// dependence on (size, seed, index) alone.
#include "cnnx/shapes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "cnnx/runtime.h"

namespace {

struct Samples {
  int64_t height, width;
  std::vector<uint8_t> pixels, masks;
};

Samples draw(int64_t count, int64_t height, int64_t width, uint64_t seed) {
  Samples samples{height, width, {}, {}};
  samples.pixels.resize(static_cast<size_t>(count * height * width * 3));
  samples.masks.resize(static_cast<size_t>(count * height * width));
  cnnx::draw_shapes(count, height, width, seed, samples.pixels.data(), samples.masks.data());
  return samples;
}

struct SingleSamples {
  std::vector<uint8_t> pixels;
  std::vector<int64_t> labels;
  std::vector<float> boxes;
};

SingleSamples draw_single(int64_t count, int64_t height, int64_t width, uint64_t seed) {
  SingleSamples samples;
  samples.pixels.resize(static_cast<size_t>(count * height * width * 3));
  samples.labels.resize(static_cast<size_t>(count));
  samples.boxes.resize(static_cast<size_t>(count * 4));
  cnnx::draw_single_shapes(count, height, width, seed, samples.pixels.data(), samples.labels.data(),
                           samples.boxes.data());
  return samples;
}

uint64_t fnv1a(const std::vector<uint8_t>& bytes, uint64_t hash = 14695981039346656037u) {
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 1099511628211u;
  return hash;
}

// The same bits with every compiler and on every machine.
void images_are_pinned() {
  const Samples samples = draw(12, 128, 128, 0);
  CHECK_EQUAL(fnv1a(samples.masks, fnv1a(samples.pixels)), uint64_t{13554668919214172854u});
  const SingleSamples single = draw_single(12, 64, 96, 0);
  uint64_t hash = fnv1a(single.pixels);
  const auto add = [&](uint64_t word) { hash = (hash ^ word) * 1099511628211u; };
  for (const int64_t label : single.labels) add(static_cast<uint64_t>(label));
  for (const float side : single.boxes) add(static_cast<uint64_t>(side * 0x1p24f));
  CHECK_EQUAL(hash, uint64_t{7585319643730988600u});
}

void an_image_depends_on_seed_and_index_alone() {
  const Samples many = draw(21, 40, 56, 5);
  cnnx::set_num_threads(3);
  const Samples threaded = draw(21, 40, 56, 5), few = draw(4, 40, 56, 5),
                other = draw(4, 40, 56, 6);
  cnnx::set_num_threads(1);
  const Samples serial = draw(21, 40, 56, 5);
  CHECK(many.pixels == threaded.pixels && many.masks == threaded.masks);
  CHECK(many.pixels == serial.pixels && many.masks == serial.masks);
  CHECK(std::equal(few.pixels.begin(), few.pixels.end(), many.pixels.begin()));
  CHECK(std::equal(few.masks.begin(), few.masks.end(), many.masks.begin()));
  CHECK(few.pixels != other.pixels);
}

// Every class occurs, the background takes most of an image, and no shape touches the border.
void masks_have_all_classes() {
  constexpr int64_t kCount = 300;
  const Samples samples = draw(kCount, 64, 80, 7);
  int64_t pixels_of[4] = {}, images_with[4] = {}, at_border = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    bool seen[4] = {};
    for (int64_t y = 0; y < 64; ++y) {
      for (int64_t x = 0; x < 80; ++x) {
        const uint8_t label = samples.masks[static_cast<size_t>((i * 64 + y) * 80 + x)];
        CHECK(label < 4);
        ++pixels_of[label];
        seen[label] = true;
      }
    }
    at_border += !seen[0];
    for (int label = 0; label < 4; ++label) images_with[label] += seen[label];
    CHECK(seen[1] || seen[2] || seen[3]);
  }
  CHECK_EQUAL(at_border, 0);
  CHECK(pixels_of[0] > kCount * 64 * 80 * 3 / 4);
  for (int label = 1; label < 4; ++label) {
    CHECK(images_with[label] > kCount * 2 / 5);
    CHECK(images_with[label] < kCount * 4 / 5);
  }
}

// The colour around the centre of a box is that of the shape, and its corners are background. For
// a circle the box is a square; boxes lie in the image.
void boxes_enclose_the_shape() {
  constexpr int64_t kCount = 200, kHeight = 96, kWidth = 128;
  const SingleSamples samples = draw_single(kCount, kHeight, kWidth, 9);
  int64_t of_label[3] = {}, uniform = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    const float* box = samples.boxes.data() + 4 * i;
    const int64_t label = samples.labels[static_cast<size_t>(i)];
    CHECK(label >= 0 && label < 3);
    ++of_label[label];
    CHECK(box[0] >= 0.0f && box[1] >= 0.0f && box[2] <= 1.0f && box[3] <= 1.0f);
    const float height = (box[2] - box[0]) * kHeight, width = (box[3] - box[1]) * kWidth;
    CHECK(height >= 0.11f * 1.5f * kHeight && height <= 0.5001f * kHeight);
    CHECK(label == 2 || std::fabs(height - width) < 0.01f);
    const auto row = static_cast<int64_t>((box[0] + box[2]) / 2 * kHeight);
    const auto column = static_cast<int64_t>((box[1] + box[3]) / 2 * kWidth);
    const auto mean = [&](int64_t y, int64_t x, int64_t c) {  // of 5 x 5 pixels
      int64_t sum = 0;
      for (int64_t dy = -2; dy <= 2; ++dy) {
        for (int64_t dx = -2; dx <= 2; ++dx) {
          sum += samples.pixels[static_cast<size_t>(
              (((i * kHeight) + y + dy) * kWidth + x + dx) * 3 + c)];
        }
      }
      return sum / 25;
    };
    bool same = true;
    for (int64_t c = 0; c < 3; ++c) {
      same = same && std::abs(mean(row, column, c) - mean(row + 1, column - 1, c)) < 16;
    }
    uniform += same;
  }
  CHECK_EQUAL(uniform, kCount);
  for (const int64_t count : of_label) CHECK(count > 45);
}

void sizes_and_counts_at_the_edge() {
  draw(1, 32, 4096, 1);
  draw(1, 33, 35, 1);
  draw_single(1, 32, 32, 1);
  cnnx::draw_shapes(0, 32, 32, 0, nullptr, nullptr);
  cnnx::draw_single_shapes(0, 32, 32, 0, nullptr, nullptr, nullptr);
  CHECK_THROWS(std::invalid_argument, "shapes: pixels or masks is a null pointer",
               cnnx::draw_shapes(1, 32, 32, 0, nullptr, nullptr));
  CHECK_THROWS(std::invalid_argument, "single_shapes: pixels, labels or boxes is a null pointer",
               cnnx::draw_single_shapes(1, 32, 32, 0, nullptr, nullptr, nullptr));
  CHECK_THROWS(std::invalid_argument, "shapes: count is -1, expected 0 or more",
               cnnx::draw_shapes(-1, 32, 32, 0, nullptr, nullptr));
  CHECK_THROWS(std::invalid_argument, "shapes: height is 31, expected 32 to 4096 pixels",
               cnnx::draw_shapes(1, 31, 32, 0, nullptr, nullptr));
  CHECK_THROWS(std::invalid_argument, "single_shapes: width is 4097, expected 32 to 4096 pixels",
               cnnx::draw_single_shapes(1, 32, 4097, 0, nullptr, nullptr, nullptr));
}

}  // namespace

int shapes_test(int, char*[]) {
  images_are_pinned();
  an_image_depends_on_seed_and_index_alone();
  masks_have_all_classes();
  boxes_enclose_the_shape();
  sizes_and_counts_at_the_edge();
  return cnnx::test::finish("shapes_test");
}
