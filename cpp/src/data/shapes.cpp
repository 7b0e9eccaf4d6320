// Draws circles, squares and triangles on a smooth background: signed distances of pixels to the
// outlines, colours by coverage, then noise. All random numbers come from Philox at (seed, image),
// in the order of the code.
#include "cnnx/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cnnx/runtime.h"
#include "data/generated_images.h"
#include "runtime/elementary.h"
#include "runtime/parallel.h"
#include "runtime/philox.h"
#include "runtime/sizes.h"

namespace cnnx {
namespace data {
namespace {

constexpr int kChannels = 3, kMostShapes = 3;
constexpr int kAttempts = 16;          // at a colour or a place
constexpr uint64_t kNoiseBlock = 128;  // the numbers of shapes and colours are in earlier blocks

using Colour = std::array<float, kChannels>;

struct Frame {
  int64_t height, width;
};

// A circle, or a regular polygon that is given by the normals of its sides.
struct Outline {
  int label = 0;  // 0 circle, 1 square, 2 triangle
  float x = 0.0f, y = 0.0f, radius = 0.0f, angle = 0.0f;
  Colour colour = {};
  int sides = 0;                                  // 0 for a circle
  float inner_radius = 0.0f;                      // distance from the centre to the sides
  std::array<float, 4> cosines = {}, sines = {};  // of the normals
};

float largest_difference(const Colour& a, const Colour& b) {
  float largest = 0.0f;
  for (size_t c = 0; c < kChannels; ++c) largest = std::max(largest, std::fabs(a[c] - b[c]));
  return largest;
}

// Colours at the points of a coarse grid over the image, interpolated linearly in between.
class Background {
 public:
  explicit Background(RandomSequence& random) {
    for (float& level : mean_) level = random.between(0.2f, 0.8f);
    for (Colour& point : points_) {
      for (size_t c = 0; c < kChannels; ++c)
        point[c] = mean_[c] + random.between(-kVariation, kVariation);
    }
  }

  // The least difference to the background anywhere is smaller by kVariation.
  const Colour& mean() const { return mean_; }

  void draw(Frame frame, float* levels) const {
    for (int64_t y = 0; y < frame.height; ++y) {
      const auto [top, below] = place(y, frame.height);
      for (int64_t x = 0; x < frame.width; ++x, levels += kChannels) {
        const auto [left, beside] = place(x, frame.width);
        const Colour* points = &points_[top * kSide + left];
        for (size_t c = 0; c < kChannels; ++c) {
          const float upper = points[0][c] + (points[1][c] - points[0][c]) * beside;
          const float lower = points[kSide][c] + (points[kSide + 1][c] - points[kSide][c]) * beside;
          levels[c] = upper + (lower - upper) * below;
        }
      }
    }
  }

  static constexpr float kVariation = 0.2f;

 private:
  static constexpr size_t kSide = 5;
  struct Place {
    size_t point;
    float fraction;
  };
  static Place place(int64_t pixel, int64_t size) {
    const float at = (static_cast<float>(pixel) + 0.5f) * static_cast<float>(kSide - 1) /
                     static_cast<float>(size);
    const size_t point = std::min(static_cast<size_t>(at), kSide - 2);
    return {point, at - static_cast<float>(point)};
  }

  Colour mean_;
  std::array<Colour, kSide * kSide> points_;
};

class Shapes {
 public:
  // Places up to `count` shapes. One that finds no place beside the others is left out.
  Shapes(int count, Frame frame, const Background& background, RandomSequence& random) {
    for (int i = 0; i < count; ++i) {
      Outline outline = outline_of(frame, random);
      if (!find_place(outline, frame, random)) continue;
      find_colour(outline, background, random);
      outlines_[static_cast<size_t>(count_++)] = outline;
    }
  }

  const Outline* begin() const { return outlines_.data(); }
  const Outline* end() const { return outlines_.data() + count_; }

 private:
  static Outline outline_of(Frame frame, RandomSequence& random) {
    Outline outline;
    outline.label = std::min(2, static_cast<int>(random.between(0.0f, 3.0f)));
    outline.radius =
        random.between(0.11f, 0.25f) * static_cast<float>(std::min(frame.height, frame.width));
    outline.angle = random.between(0.0f, 2.0f * kPi);
    outline.sides = outline.label == 0 ? 0 : 5 - outline.label;
    if (outline.sides == 0) return outline;
    const float sector = 2.0f * kPi / static_cast<float>(outline.sides);
    outline.inner_radius = outline.radius * runtime::cos(0.5f * sector);
    for (int side = 0; side < outline.sides; ++side) {
      const float normal = outline.angle + static_cast<float>(side) * sector;
      outline.cosines[static_cast<size_t>(side)] = runtime::cos(normal);
      outline.sines[static_cast<size_t>(side)] = runtime::sin(normal);
    }
    return outline;
  }

  // Two shapes overlap by at most 0.6 of the smaller radius, so that both can be recognised.
  bool find_place(Outline& outline, Frame frame, RandomSequence& random) const {
    constexpr float kVisible = 0.4f;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      outline.x = random.between(outline.radius, static_cast<float>(frame.width) - outline.radius);
      outline.y = random.between(outline.radius, static_cast<float>(frame.height) - outline.radius);
      if (std::all_of(begin(), end(), [&](const Outline& other) {
            const float dx = outline.x - other.x, dy = outline.y - other.y;
            const float larger = std::max(outline.radius, other.radius);
            const float smaller = std::min(outline.radius, other.radius);
            return std::sqrt(dx * dx + dy * dy) >= larger + kVisible * smaller;
          })) {
        return true;
      }
    }
    return false;
  }

  void find_colour(Outline& outline, const Background& background, RandomSequence& random) const {
    constexpr float kContrast = 0.15f + Background::kVariation, kContrastOfShapes = 0.25f;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      for (float& level : outline.colour) level = random.between(0.0f, 1.0f);
      if (largest_difference(outline.colour, background.mean()) >= kContrast &&
          std::all_of(begin(), end(), [&](const Outline& other) {
            return largest_difference(outline.colour, other.colour) >= kContrastOfShapes;
          })) {
        return;
      }
    }
  }

  std::array<Outline, kMostShapes> outlines_;
  int count_ = 0;
};

// Distance from a point, relative to the centre, to the outline: negative inside.
float signed_distance(const Outline& outline, float dx, float dy) {
  if (outline.sides == 0) return std::sqrt(dx * dx + dy * dy) - outline.radius;
  float distance = -outline.radius;
  for (size_t side = 0; side < static_cast<size_t>(outline.sides); ++side) {
    distance = std::max(
        distance, outline.cosines[side] * dx + outline.sines[side] * dy - outline.inner_radius);
  }
  return distance;
}

// Blends the colour of a shape into `levels` by the part of each pixel that it covers. `mask` may
// be null.
void fill_outline(const Outline& outline, Frame frame, float* levels, uint8_t* mask) {
  const auto first = [&](float centre) {
    return std::max<int64_t>(0, static_cast<int64_t>(centre - outline.radius) - 1);
  };
  const auto last = [&](float centre, int64_t size) {
    return std::min(size - 1, static_cast<int64_t>(centre + outline.radius) + 1);
  };
  for (int64_t y = first(outline.y); y <= last(outline.y, frame.height); ++y) {
    for (int64_t x = first(outline.x); x <= last(outline.x, frame.width); ++x) {
      const float distance = signed_distance(outline, static_cast<float>(x) + 0.5f - outline.x,
                                             static_cast<float>(y) + 0.5f - outline.y);
      const int64_t pixel = y * frame.width + x;
      const float covered = std::min(1.0f, std::max(0.0f, 0.5f - distance));
      for (size_t c = 0; c < kChannels; ++c) {
        float& level = levels[static_cast<size_t>(pixel) * kChannels + c];
        level += (outline.colour[c] - level) * covered;
      }
      if (mask && distance < 0.0f) mask[pixel] = static_cast<uint8_t>(outline.label + 1);
    }
  }
}

void add_noise(const float* levels, int64_t count, float deviation, const runtime::Philox& philox,
               uint8_t* pixels) {
  const float noise = deviation / kByteSumDeviation;
  for (int64_t begin = 0; begin < count; begin += 4) {  // the last block may be partial
    const auto words = philox.block(kNoiseBlock + static_cast<uint64_t>(begin / 4));
    for (int64_t i = begin; i < std::min(begin + 4, count); ++i) {
      pixels[i] = pixel_of_level(levels[i] +
                                 noise * centred_byte_sum(words[static_cast<size_t>(i - begin)]));
    }
  }
}

// Top, left, bottom and right as fractions of the frame.
std::array<float, 4> box_of(const Outline& outline, Frame frame) {
  float left = -outline.radius, right = outline.radius, top = left, bottom = right;
  if (outline.sides > 0) {
    left = top = outline.radius;
    right = bottom = -outline.radius;
    for (int side = 0; side < outline.sides; ++side) {
      const float corner = outline.angle + (static_cast<float>(side) + 0.5f) * 2.0f * kPi /
                                               static_cast<float>(outline.sides);
      const float x = outline.radius * runtime::cos(corner);
      const float y = outline.radius * runtime::sin(corner);
      left = std::min(left, x);
      right = std::max(right, x);
      top = std::min(top, y);
      bottom = std::max(bottom, y);
    }
  }
  const float height = static_cast<float>(frame.height), width = static_cast<float>(frame.width);
  return {(outline.y + top) / height, (outline.x + left) / width, (outline.y + bottom) / height,
          (outline.x + right) / width};
}

// One image of up to `most` shapes, which are returned; `mask` may be null.
Shapes draw_image(const runtime::Philox& philox, int most, Frame frame, float* levels,
                  uint8_t* pixels, uint8_t* mask) {
  RandomSequence random(philox);
  const Background background(random);
  const float deviation = random.between(0.02f, 0.07f);
  const int count =
      std::min(most, 1 + static_cast<int>(random.between(0.0f, static_cast<float>(most))));
  const Shapes shapes(count, frame, background, random);
  background.draw(frame, levels);
  if (mask) std::fill_n(mask, frame.height * frame.width, uint8_t{0});
  for (const Outline& outline : shapes) fill_outline(outline, frame, levels, mask);
  add_noise(levels, frame.height * frame.width * kChannels, deviation, philox, pixels);
  return shapes;
}

void check_request(int64_t count, Frame frame, const char* function) {
  const auto refuse = [&](const char* name, int64_t value, const char* expected) {
    throw std::invalid_argument(std::string(function) + ": " + name + " is " +
                                std::to_string(value) + ", expected " + expected);
  };
  if (count < 0) refuse("count", count, "0 or more");
  for (const auto& [name, size] :
       {std::pair("height", frame.height), std::pair("width", frame.width)}) {
    if (size < 32 || size > 4096) refuse(name, size, "32 to 4096 pixels");
  }
}

// Calls draw_one(index, levels) for every image, with memory for its levels.
template <typename DrawImage>
void draw_images(int64_t count, Frame frame, const DrawImage& draw_one) {
  const int64_t area = frame.height * frame.width * kChannels;
  constexpr int64_t kGrain = 1;  // 32 x 32 pixels take about 20 microseconds
  const int slots = runtime::slot_count(get_num_threads(), count, kGrain);
  std::vector<float> levels(runtime::checked_size(slots * area));
  runtime::parallel_for(slots, count, kGrain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t index = begin; index < end; ++index) draw_one(index, levels.data() + slot * area);
  });
}

}  // namespace
}  // namespace data

void draw_shapes(int64_t count, int64_t height, int64_t width, uint64_t seed, uint8_t* pixels,
                 uint8_t* masks) {
  const data::Frame frame{height, width};
  data::check_request(count, frame, "shapes");
  if (count > 0 && (!pixels || !masks))
    throw std::invalid_argument("shapes: pixels or masks is a null pointer");
  const int64_t area = height * width;
  data::draw_images(count, frame, [&](int64_t index, float* levels) {
    const runtime::Philox philox(seed, runtime::Stream::shapes, static_cast<uint64_t>(index));
    data::draw_image(philox, data::kMostShapes, frame, levels,
                     pixels + index * area * data::kChannels, masks + index * area);
  });
}

void draw_single_shapes(int64_t count, int64_t height, int64_t width, uint64_t seed,
                        uint8_t* pixels, int64_t* labels, float* boxes) {
  const data::Frame frame{height, width};
  data::check_request(count, frame, "single_shapes");
  if (count > 0 && (!pixels || !labels || !boxes))
    throw std::invalid_argument("single_shapes: pixels, labels or boxes is a null pointer");
  const int64_t area = height * width * data::kChannels;
  data::draw_images(count, frame, [&](int64_t index, float* levels) {
    const runtime::Philox philox(seed, runtime::Stream::single_shapes,
                                 static_cast<uint64_t>(index));
    const data::Shapes shapes =
        data::draw_image(philox, 1, frame, levels, pixels + index * area, nullptr);
    const data::Outline& only = *shapes.begin();
    labels[index] = only.label;
    const std::array<float, 4> box = data::box_of(only, frame);
    std::copy(box.begin(), box.end(), boxes + 4 * index);
  });
}

}  // namespace cnnx
