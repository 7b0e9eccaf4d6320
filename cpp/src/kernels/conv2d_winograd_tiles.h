// The positions of Winograd's tiles, and their transforms from an image. For kernel files only.
#pragma once

#include <stdint.h>

#include "kernels/cache_line.h"
#include "kernels/channel_lanes.h"
#include "kernels/conv2d_winograd.h"
#include "kernels/conv2d_winograd_lines.h"
#include "kernels/simd.h"

namespace {

// A tile's number as a position: its image, its map (see winograd_tile_count), and its row and
// column among the map's tiles.
struct TilePlace {
  int64_t rows, columns;  // of tiles
  int64_t map_rows, map_columns;
  int64_t side;
  int64_t image, map_row, map_column, row, column;

  CNNX_INLINE TilePlace(const cnnx::WinogradShape& s, int64_t outputs, int64_t tile)
      : rows(cnnx::winograd_tiles_along(s.target_height, outputs, s.dilation)),
        columns(cnnx::winograd_tiles_along(s.target_width, outputs, s.dilation)),
        map_rows(cnnx::winograd_maps_along(s.target_height, s.dilation)),
        map_columns(cnnx::winograd_maps_along(s.target_width, s.dilation)),
        side(outputs * s.dilation) {
    const int64_t map = tile / (rows * columns);
    image = map / (map_rows * map_columns);
    map_row = map / map_columns % map_rows;
    map_column = map % map_columns;
    row = tile / columns % rows;
    column = tile % columns;
  }
  CNNX_INLINE void advance() {
    if (++column < columns) return;
    column = 0;
    if (++row < rows) return;
    row = 0;
    if (++map_column < map_columns) return;
    map_column = 0;
    if (++map_row < map_rows) return;
    map_row = 0;
    ++image;
  }
  // Of the tile's first pixel in the target.
  CNNX_INLINE int64_t first_row() const { return map_row + row * side; }
  CNNX_INLINE int64_t first_column() const { return map_column + column * side; }
};

// An image, (height, width, channels) without gaps. The pixels of a tile are `step` apart.
struct WinogradImage {
  int64_t height, width, channels;
  int64_t step = 1;
  CNNX_INLINE int64_t floats() const { return height * width * channels; }
};

constexpr int kToRead = 0, kToWrite = 1;

// Prefetches side x side pixels from (row, column) on: those that the tile below needs and this
// one does not. After an image's last tiles comes the next image. The rows of a tile are too far
// apart for the CPU to prefetch.
template <int kPurpose = kToRead>
CNNX_INLINE void fetch_ahead(const WinogradImage& image, const float* source, int64_t row,
                             int64_t column, int64_t side) {
  const int64_t row_floats = image.width * image.channels;
  for (int64_t i = 0; i < side; ++i) {
    const float* from = source + (row + i) * row_floats + column * image.channels;
    for (int64_t f = 0; f < side * image.channels; f += cnnx::kCacheLine<float>)
      __builtin_prefetch(from + f, kPurpose, 3);
  }
}

// kPixels x kPixels pixels that all lie inside an image, at one vector of channels.
template <int kPixels>
struct InsidePixels {
  const float* first;
  int64_t row_step, pixel_step;  // in floats

  template <class Lanes>
  CNNX_INLINE void load_column(int j, int64_t channel, Lanes lanes, Vector* pixels) const {
    CNNX_UNROLL for (int i = 0; i < kPixels; ++i) {
      pixels[i] = lanes.load(first + i * row_step + j * pixel_step + channel);
    }
  }
};

// A block of pixels some of which lie outside, and are zero.
template <int kPixels>
struct BorderPixels {
  const float* row[kPixels];  // the address of column 0, inside the image or not; null outside
  int64_t first_column, last_column;
  int64_t pixel_step;

  template <class Lanes>
  CNNX_INLINE void load_column(int j, int64_t channel, Lanes lanes, Vector* pixels) const {
    if (j < first_column || j >= last_column) {
      CNNX_UNROLL for (int i = 0; i < kPixels; ++i) pixels[i] = Vector{};
      return;
    }
    CNNX_UNROLL for (int i = 0; i < kPixels; ++i) {
      pixels[i] = row[i] ? lanes.load(row[i] + j * pixel_step + channel) : Vector{};
    }
  }
};

// The two transforms from an image: the number of pixels, and the transform of a line.
template <class Points>
struct InputTransform {
  static constexpr int kPixels = Points::kPoints, kPoints = Points::kPoints;
  static CNNX_INLINE void apply(const Vector* pixels, Vector* points) {
    Points::input(pixels, points);
  }
};
template <class Lines>
struct GradientTransform {
  static constexpr int kPixels = Lines::kOutputs, kPoints = Lines::kPoints;
  static CNNX_INLINE void apply(const Vector* pixels, Vector* points) {
    Lines::output_gradient(pixels, points);
  }
};

// The rows of points have space for whole vectors of channels, the rest of which is zero. A vector
// at a single channel could end behind that, in the next tile, which another thread may have made.
template <class Lanes>
CNNX_INLINE void store_points(float* target, Vector value, Lanes) {
  store(target, value);
}
CNNX_INLINE void store_points(float* target, Vector value, OneLane lanes) {
  lanes.store(target, value);
}

// One vector of channels of one tile; returns the sum of its pixels, in a fixed order. Not inlined:
// compilers would store the addresses of all points in memory between tiles, instead of computing
// them.
template <class Transform, class Pixels, class Lanes>
__attribute__((noinline)) Vector transform_vector(const Pixels& pixels, int64_t channel,
                                                  Lanes lanes, float* points,
                                                  int64_t plane_floats) {
  constexpr int kPixels = Transform::kPixels, kPoints = Transform::kPoints;
  Vector half[kPoints][kPixels];
  Vector total = {};
  for_each_line<kPixels>([&](int j) CNNX_INLINED {
    Vector line[kPixels], values[kPoints];
    pixels.load_column(j, channel, lanes, line);
    CNNX_UNROLL for (int i = 0; i < kPixels; ++i) total += line[i];
    Transform::apply(line, values);
    CNNX_UNROLL for (int i = 0; i < kPoints; ++i) half[i][j] = values[i];
  });
  for_each_line<kPoints>([&](int i) CNNX_INLINED {
    Vector values[kPoints];
    Transform::apply(half[i], values);
    CNNX_UNROLL for (int j = 0; j < kPoints; ++j) {
      store_points(points + (i * kPoints + j) * plane_floats, values[j], lanes);
    }
  });
  return total;
}

// `channels` channels from `source` on, an image's pixel (0, 0), of the tile whose first pixel is
// (row, column). Calls after_vector(channel, sum of the tile's pixels, lanes).
template <class Transform, class AfterVector>
CNNX_INLINE void transform_tile(const WinogradImage& image, const float* source, int64_t row,
                                int64_t column, int64_t channels, float* points,
                                int64_t plane_floats, const AfterVector& after_vector) {
  constexpr int kPixels = Transform::kPixels;
  const int64_t row_floats = image.width * image.channels, step = image.step;
  const float* first = source + row * row_floats + column * image.channels;
  const auto transform = [&](const auto& pixels) CNNX_INLINED {
    for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
      const Vector sum =
          transform_vector<Transform>(pixels, channel, lanes, points + channel, plane_floats);
      after_vector(channel, sum, lanes);
    });
  };
  const int64_t last_row = row + (kPixels - 1) * step, last_column = column + (kPixels - 1) * step;
  if (row >= 0 && column >= 0 && last_row < image.height && last_column < image.width) {
    return transform(InsidePixels<kPixels>{first, row_floats * step, image.channels * step});
  }
  BorderPixels<kPixels> border = {};
  border.first_column = column < 0 ? (step - 1 - column) / step : 0;
  border.last_column = (image.width - column + step - 1) / step;
  border.pixel_step = image.channels * step;
  for (int64_t i = 0; i < kPixels; ++i) {
    const int64_t place = row + i * step;
    if (place >= 0 && place < image.height) border.row[i] = first + i * step * row_floats;
  }
  transform(border);
}

}  // namespace
