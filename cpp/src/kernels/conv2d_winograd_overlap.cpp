// Winograd's input gradient by overlapping tiles: transforms products to pixels and adds them up.
#include "kernels/conv2d_winograd_overlap.h"

#include "kernels/channel_lanes.h"
#include "kernels/conv2d_winograd_tiles.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Sums of the rows of pixels that a row of tiles reaches. Row y of the image, counted from the
// first tile's first row, is at y % kSide.
template <int kSide>
struct Ring {
  float* data;
  int64_t pixel_floats, row_floats;

  CNNX_INLINE float* at(int64_t row, int64_t column) const {
    return data + row % kSide * row_floats + column * pixel_floats;
  }
};

// One vector of channels of one tile. Not inlined for the same reason as transform_vector.
template <class Points>
__attribute__((noinline)) void add_vector(const float* points, int64_t plane_floats,
                                          float* const* rows, int64_t pixel_floats) {
  constexpr int kPoints = Points::kPoints;
  Vector half[kPoints][kPoints];
  CNNX_UNROLL for (int j = 0; j < kPoints; ++j) {
    Vector line[kPoints], values[kPoints];
    CNNX_UNROLL for (int i = 0; i < kPoints; ++i) {
      line[i] = load(points + (i * kPoints + j) * plane_floats);
    }
    Points::input_gradient(line, values);
    CNNX_UNROLL for (int i = 0; i < kPoints; ++i) half[i][j] = values[i];
  }
  CNNX_UNROLL for (int i = 0; i < kPoints; ++i) {
    Vector values[kPoints];
    Points::input_gradient(half[i], values);
    CNNX_UNROLL for (int j = 0; j < kPoints; ++j) {
      float* pixel = rows[i] + j * pixel_floats;
      store(pixel, load(pixel) + values[j]);
    }
  }
}

// Moves the sums of rows [first, last) of an image, counted as in the ring, to its grad_input.
template <int kSide>
void put_rows(const WinogradShape& s, const Ring<kSide>& ring, int64_t first, int64_t last,
              const GradientEpilogue& epilogue, int64_t image, float* grad_input) {
  const int64_t channels = s.source_channels;
  for (int64_t r = first; r < last; ++r) {
    const int64_t row = s.first_row + r;
    if (row >= 0 && row < s.source_height) {
      const int64_t begin = (image * s.source_height + row) * s.source_width * channels;
      const float* sums = ring.at(r, -s.first_column);
      for (int64_t column = 0; column < s.source_width; ++column, sums += ring.pixel_floats) {
        const int64_t pixel = begin + column * channels;
        for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
          float* const target = grad_input + pixel + channel;
          Vector value = load(sums + channel);
          if (epilogue.accumulate) value += lanes.load(target);
          if (epilogue.relu_output) {
            const Vector output = lanes.load(epilogue.relu_output + pixel + channel);
            value = output <= Vector{} ? Vector{} : value;
          }
          lanes.store(target, value);
        });
      }
    }
    float* const sums = ring.at(r, 0);
    for (int64_t i = 0; i < ring.row_floats; i += kLanes) store(sums + i, Vector{});
  }
}

template <class Lines>
void add_tiles(const WinogradShape& s, const WinogradPlanes& products, WinogradTiles tiles,
               const GradientEpilogue& epilogue, float* sums, float* grad_input) {
  constexpr int64_t kSide = Lines::kPoints, kOutputs = Lines::kOutputs;
  const int64_t pixel_floats = winograd_row_floats(s.source_channels);
  const Ring<kSide> ring = {sums, pixel_floats,
                            winograd_overlap_floats(s, kOutputs, kSide) / kSide};
  TilePlace place(s, kOutputs, tiles.first);
  for (int64_t t = 0; t < tiles.count; ++t, place.advance()) {
    const int64_t first_row = place.row * kOutputs;
    float* rows[kSide];
    const float* points = products.at(t, 0).data;
    for (int64_t c = 0; c < s.source_channels; c += kLanes) {
      for (int64_t i = 0; i < kSide; ++i)
        rows[i] = ring.at(first_row + i, place.column * kOutputs) + c;
      add_vector<typename Lines::Points>(points + c, products.plane_floats, rows, pixel_floats);
    }
    if (place.column + 1 < place.columns) continue;
    const bool ends = place.row + 1 == place.rows;
    put_rows(s, ring, first_row, first_row + (ends ? kSide : kOutputs), epilogue, place.image,
             grad_input);
  }
}

}  // namespace

const WinogradOverlapKernels winograd2_of_5_overlap_kernels = {add_tiles<Lines2Of5>};

}  // namespace CNNX_ISA
}  // namespace cnnx
