// Draws an X or an O as one or two pen strokes: points on curves, the distance of each pixel to the
// nearest stroke, then grey levels. All random numbers come from Philox at (seed, image), in the
// order of the code.
#include "cnnx/xo.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
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

constexpr uint64_t kFirstNoiseBlock =
    64;  // the numbers of the figure's shape are in the earlier blocks

struct Point {
  float x, y;
};

// A curve through its points. An X is two curves, an O is one.
struct Stroke {
  static constexpr int kMostPoints = 65;
  std::array<Point, kMostPoints> points;
  int count = 0;
  void add(Point point) { points[static_cast<size_t>(count++)] = point; }
};

struct Glyph {
  std::array<Stroke, 2> strokes;
  int count = 0;
};

// From corner to corner of the box [-1, 1]^2, each end moved a little and the stroke slightly bent.
// The ends stay within 0.18 of their corners, so the strokes cross near the middle of both.
Stroke diagonal(RandomSequence& random, float direction) {
  constexpr float kJitter = 0.18f, kBow = 0.12f;
  constexpr int kPieces = 8;
  const auto jitter = [&] { return random.between(-kJitter, kJitter); };
  const Point start{-1.0f + jitter(), -direction + jitter()};
  const Point end{1.0f + jitter(), direction + jitter()};
  const float bow = random.between(-kBow, kBow);
  const Point across{-direction * bow, bow};
  Stroke stroke;
  for (int piece = 0; piece <= kPieces; ++piece) {
    const float t = static_cast<float>(piece) / kPieces;
    const float bulge = 4.0f * t * (1.0f - t);
    stroke.add({start.x + (end.x - start.x) * t + across.x * bulge,
                start.y + (end.y - start.y) * t + across.y * bulge});
  }
  return stroke;
}

// Once around and a little further, drifting inwards or outwards by at most `drift` of the radius:
// the end of the stroke runs beside its start.
Stroke ring(RandomSequence& random, float drift) {
  constexpr int kPieces = Stroke::kMostPoints - 1;
  constexpr float kDent = 0.05f;
  const float first = random.between(0.0f, 2.0f * kPi);
  const float overlap = random.between(0.15f, 0.7f);
  const float turn = random.between(0.0f, 1.0f) < 0.5f ? -1.0f : 1.0f;
  const float slope = random.between(-drift, drift);
  const float oval = random.between(0.0f, kDent), oval_at = random.between(0.0f, 2.0f * kPi);
  const float egg = random.between(0.0f, kDent), egg_at = random.between(0.0f, 2.0f * kPi);
  Stroke stroke;
  for (int piece = 0; piece <= kPieces; ++piece) {
    const float t = static_cast<float>(piece) / kPieces;
    const float angle = first + turn * (2.0f * kPi + overlap) * t;
    const float radius = 1.0f + slope * (t - 0.5f) + oval * runtime::cos(2.0f * angle + oval_at) +
                         egg * runtime::cos(3.0f * angle + egg_at);
    stroke.add({radius * runtime::cos(angle), radius * runtime::sin(angle)});
  }
  return stroke;
}

// Stretches by (width, height), rotates by `angle`, scales so that the longer side of the box
// around all points is `extent`, and places it anywhere in a square frame with `margin` around the
// points.
void place(Glyph& glyph, RandomSequence& random, float width, float height, float angle,
           float extent, float margin, float frame) {
  const float cosine = runtime::cos(angle), sine = runtime::sin(angle);
  Point low{1e9f, 1e9f}, high{-1e9f, -1e9f};
  const auto each_point = [&](auto&& change) {
    for (int s = 0; s < glyph.count; ++s) {
      Stroke& stroke = glyph.strokes[static_cast<size_t>(s)];
      for (int p = 0; p < stroke.count; ++p) change(stroke.points[static_cast<size_t>(p)]);
    }
  };
  each_point([&](Point& point) {
    const float x = point.x * width, y = point.y * height;
    point = {x * cosine - y * sine, x * sine + y * cosine};
    low = {std::min(low.x, point.x), std::min(low.y, point.y)};
    high = {std::max(high.x, point.x), std::max(high.y, point.y)};
  });
  const float scale = extent / std::max(high.x - low.x, high.y - low.y);
  const float left = random.between(margin, frame - margin - (high.x - low.x) * scale);
  const float top = random.between(margin, frame - margin - (high.y - low.y) * scale);
  each_point([&](Point& point) {
    point = {left + (point.x - low.x) * scale, top + (point.y - low.y) * scale};
  });
}

// squared_distance[pixel] = min(itself, squared distance from the pixel's centre to the segment),
// for pixels nearer than `reach`.
void approach(Point from, Point to, float reach, int64_t size, float* squared_distance) {
  const auto first = [](float edge) {
    return static_cast<int64_t>(std::max(0.0f, std::floor(edge)));
  };
  const auto last = [&](float edge) {
    return std::min(size - 1, static_cast<int64_t>(std::max(0.0f, std::floor(edge))));
  };
  const int64_t left = first(std::min(from.x, to.x) - reach),
                right = last(std::max(from.x, to.x) + reach);
  const int64_t top = first(std::min(from.y, to.y) - reach),
                bottom = last(std::max(from.y, to.y) + reach);
  const Point along{to.x - from.x, to.y - from.y};
  const float length_squared = along.x * along.x + along.y * along.y;
  const float inverse = length_squared > 0.0f ? 1.0f / length_squared : 0.0f;
  for (int64_t y = top; y <= bottom; ++y) {
    const float dy = static_cast<float>(y) + 0.5f - from.y;
    float* row = squared_distance + y * size;
    for (int64_t x = left; x <= right; ++x) {
      const float dx = static_cast<float>(x) + 0.5f - from.x;
      float t = (dx * along.x + dy * along.y) * inverse;
      t = std::min(1.0f, std::max(0.0f, t));
      const float off_x = dx - t * along.x, off_y = dy - t * along.y;
      row[x] = std::min(row[x], off_x * off_x + off_y * off_y);
    }
  }
}

// Grey levels from distances: the coverage of a pixel is the part of it inside the stroke's edge.
void ink(const float* squared_distance, int64_t size, float thickness, RandomSequence& random,
         const runtime::Philox& philox, uint8_t* pixels) {
  const float contrast = random.between(0.45f, 1.0f);
  const float darker = random.between(0.0f, 1.0f - contrast);
  const bool light_on_dark = random.between(0.0f, 1.0f) < 0.5f;
  const float paper = light_on_dark ? darker : darker + contrast;
  const float step = light_on_dark ? contrast : -contrast;
  const float noise = random.between(0.01f, 0.06f) / kByteSumDeviation;
  const float reach = 0.5f * thickness + 0.5f;
  for (int64_t begin = 0; begin < size * size;
       begin += 4) {  // size * size pixels: the last block may be partial
    const auto words = philox.block(kFirstNoiseBlock + static_cast<uint64_t>(begin / 4));
    for (int64_t i = begin; i < std::min(begin + 4, size * size); ++i) {
      const uint32_t word = words[static_cast<size_t>(i - begin)];
      const float covered = std::min(1.0f, std::max(0.0f, reach - std::sqrt(squared_distance[i])));
      pixels[i] = pixel_of_level(paper + step * covered + noise * centred_byte_sum(word));
    }
  }
}

void draw(int64_t index, int64_t size, uint64_t seed, int64_t label, float* squared_distance,
          uint8_t* pixels) {
  const runtime::Philox philox(seed, runtime::Stream::xo, static_cast<uint64_t>(index));
  RandomSequence random(philox);
  const float frame = static_cast<float>(size);
  const float extent = random.between(0.35f, 0.80f) * frame;  // the longer side, stroke included
  const float ratio = runtime::exp(random.between(-1.0f, 1.0f) * 0.287682072f);  // ln(4/3)
  const float angle = random.between(-25.0f, 25.0f) * (kPi / 180.0f);
  // At most a quarter of the shorter side: the hole of an O is then at least half of it.
  const float shorter = extent * std::min(ratio, 1.0f / ratio);
  const float pixel = frame / 32.0f;
  const float thickness = random.between(pixel, std::min(3.0f * pixel, 0.25f * shorter));
  Glyph glyph;
  if (label == 0) {
    glyph.strokes = {diagonal(random, 1.0f), diagonal(random, -1.0f)};
    glyph.count = 2;
  } else {
    // The two ends lie at most half a stroke apart, wherever they meet.
    glyph.strokes[0] = ring(random, thickness / extent);
    glyph.count = 1;
  }
  place(glyph, random, std::sqrt(ratio), 1.0f / std::sqrt(ratio), angle, extent - thickness,
        0.5f * thickness, frame);
  std::fill_n(squared_distance, size * size, 1e9f);
  for (int s = 0; s < glyph.count; ++s) {
    const Stroke& stroke = glyph.strokes[static_cast<size_t>(s)];
    for (int p = 1; p < stroke.count; ++p) {
      approach(stroke.points[static_cast<size_t>(p - 1)], stroke.points[static_cast<size_t>(p)],
               0.5f * thickness + 1.0f, size, squared_distance);
    }
  }
  ink(squared_distance, size, thickness, random, philox, pixels);
}

// One X and one O in each pair: a random bit of the pair decides their order.
int64_t label_of(int64_t index, uint64_t seed) {
  const runtime::Philox coin(seed, runtime::Stream::xo, static_cast<uint64_t>(index / 2));
  constexpr uint64_t kCoinBlock = uint64_t{1} << 40;  // beyond the blocks of the noise
  return static_cast<int64_t>(coin.block(kCoinBlock)[0] & 1) ^ (index & 1);
}

}  // namespace
}  // namespace data

void draw_xo(int64_t count, int64_t size, uint64_t seed, uint8_t* pixels, int64_t* labels) {
  if (count < 0) {
    throw std::invalid_argument("xo: count is " + std::to_string(count) + ", expected 0 or more");
  }
  if (size < 16 || size > 1024) {
    throw std::invalid_argument("xo: size is " + std::to_string(size) +
                                ", expected 16 to 1024 pixels");
  }
  if (count > 0 && (!pixels || !labels))
    throw std::invalid_argument("xo: pixels or labels is a null pointer");
  const int64_t area = size * size;
  // Drawing 32 x 32 pixels takes about 20 microseconds.
  const int64_t grain = std::max<int64_t>(1, 1024 / area);
  const int slots = runtime::slot_count(get_num_threads(), count, grain);
  std::vector<float> scratch(runtime::checked_size(slots * area));
  runtime::parallel_for(slots, count, grain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t index = begin; index < end; ++index) {
      labels[index] = data::label_of(index, seed);
      data::draw(index, size, seed, labels[index], scratch.data() + slot * area,
                 pixels + index * area);
    }
  });
}

}  // namespace cnnx
