// Winograd's convolution: transforms tiles of an image, multiplies them with the weights, and
// transforms the results back to the target.
#include "kernels/conv2d_winograd.h"

#include "kernels/conv2d_winograd_tiles.h"
#include "kernels/max_pool2x2_window.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

constexpr float kZeroSums[kBlockColumns] = {};

constexpr int64_t kLine = 16;  // floats between panels: see winograd_weight_floats

// The start of a block of columns in transformed weights.
template <class Lines>
int64_t panels_offset(int64_t inputs, int64_t column) {
  constexpr int64_t kPoints = Lines::kPoints * Lines::kPoints;
  return column / kBlockColumns * kPoints * (inputs * kBlockColumns + kLine);
}

// Transforms a vector of weights. Not inlined for the same reason as transform_vector.
template <class Lines>
__attribute__((noinline)) void transform_taps(const float* taps, int64_t tap_floats, float* points,
                                              int64_t panel_floats) {
  constexpr int kTaps = 3, kPoints = Lines::kPoints;
  Vector half[kPoints][kTaps];
  CNNX_UNROLL for (int v = 0; v < kTaps; ++v) {
    Vector line[kTaps], values[kPoints];
    CNNX_UNROLL for (int u = 0; u < kTaps; ++u) line[u] = load(taps + (u * kTaps + v) * tap_floats);
    Lines::weight(line, values);
    CNNX_UNROLL for (int u = 0; u < kPoints; ++u) half[u][v] = values[u];
  }
  CNNX_UNROLL for (int u = 0; u < kPoints; ++u) {
    Vector values[kPoints];
    Lines::weight(half[u], values);
    CNNX_UNROLL for (int v = 0; v < kPoints; ++v) {
      store(points + (u * kPoints + v) * panel_floats, values[v]);
    }
  }
}

// The taps of a few inputs are packed side by side, and then transformed.
template <class Lines>
void transform_weight(const WinogradWeight& w, const float* weight, int64_t first, int64_t last,
                      WinogradColumns columns, float* panels) {
  constexpr int64_t kTaps = 9;
  constexpr int64_t kInputs = 8;  // packed at once: their taps fill a part of a first-level cache
  constexpr int64_t kTapFloats = kInputs * kBlockColumns;
  alignas(64) float taps[kTaps * kTapFloats];
  for (int64_t b = 0; b < block_count(columns.count()); ++b) {
    const ColumnBlock block = column_block(columns.count(), b);
    float* const points = panels + panels_offset<Lines>(w.inputs, block.begin);
    for (int64_t k = first; k < last; k += kInputs) {
      const int64_t inputs = k + kInputs <= last ? kInputs : last - k;
      for (int64_t t = 0; t < kTaps; ++t) {
        const int64_t tap = w.flipped ? kTaps - 1 - t : t;
        const int64_t column = columns.first + block.begin;
        pack_block(weight + tap * w.tap_step + k * w.k_step + column * w.column_step, inputs,
                   w.k_step, block.columns, w.column_step, block.width, taps + t * kTapFloats);
      }
      for (int64_t i = 0; i < inputs * block.width; i += kLanes) {
        transform_taps<Lines>(taps + i, kTapFloats, points + k * block.width + i,
                              w.inputs * block.width + kLine);
      }
    }
  }
}

template <class Lines>
void transform_input(const WinogradShape& s, const float* source, WinogradTiles tiles,
                     const WinogradPlanes& planes) {
  constexpr int64_t kOutputs = Lines::kOutputs;
  const WinogradImage image = {s.source_height, s.source_width, s.source_channels};
  TilePlace place(s, kOutputs, tiles.first);
  for (int64_t t = 0; t < tiles.count; ++t, place.advance()) {
    const float* image_source = source + place.image * image.floats();
    const int64_t row = s.first_row + place.row * kOutputs;
    const int64_t column = s.first_column + place.column * kOutputs;
    if (s.fetches) {
      fetch_ahead<kOutputs>(image, image_source, row + Lines::kPoints, column);
    }
    transform_tile<InputTransform<Lines>>(image, image_source, row, column, s.source_channels,
                                          planes.at(t, 0).data, planes.plane_floats,
                                          [](int64_t, Vector, auto) CNNX_INLINED {});
  }
}

// products[point][tile][column] (+)= planes[point][tile] times panel[point].
template <class Lines>
void multiply_points(const WinogradPlanes& planes, int64_t tiles, int64_t inputs,
                     const float* panels, int64_t columns, bool fresh,
                     const WinogradPlanes& products) {
  constexpr int64_t kPoints = Lines::kPoints * Lines::kPoints;
  Product product = {};
  product.rows = tiles;
  product.row_step = planes.row_floats;
  product.taps_high = product.taps_wide = 1;
  product.tap_column_step = product.run = inputs;
  product.start = fresh ? kZeroSums : nullptr;
  product.output_step = products.row_floats;
  for (int64_t point = 0; point < kPoints; ++point) {
    product.input = planes.data + point * planes.plane_floats;
    float* plane = products.data + point * products.plane_floats;
    for (int64_t b = 0; b < block_count(columns); ++b) {
      const ColumnBlock block = column_block(columns, b);
      product.panel = panels + panels_offset<Lines>(inputs, block.begin) +
                      point * (inputs * block.width + kLine);
      product.output = plane + block.begin;
      product.columns = product.width = block.width;
      multiply(product);
    }
  }
}

// The part of a tile inside the target image.
template <int kOutputs>
struct WholeTile {
  CNNX_INLINE int64_t rows() const { return kOutputs; }
  CNNX_INLINE int64_t columns() const { return kOutputs; }
};
struct PartOfTile {
  int64_t row_count, column_count;
  CNNX_INLINE int64_t rows() const { return row_count; }
  CNNX_INLINE int64_t columns() const { return column_count; }
};

// Epilogues: they store rows i and i + 1 of a tile, for one vector of channels. offset() is the
// position of the tile's first pixel in the target.

struct ForwardRows {
  const float* bias;    // or null
  const float* addend;  // or null; may be target
  Vector floor;         // see relu_floor
  int64_t height, width, channels;
  float* target;

  CNNX_INLINE int64_t offset(int64_t image, int64_t row, int64_t column) const {
    return ((image * height + row) * width + column) * channels;
  }
  template <int kOutputs>
  CNNX_INLINE void fetch_below(int64_t row, int64_t column, int64_t image) const {
    const WinogradImage shape = {height, width, channels};
    const int64_t floats = image * shape.floats();
    fetch_ahead<kOutputs, kToWrite>(shape, target + floats, row + kOutputs, column);
  }
  template <int kOutputs, class Extent, class Lanes>
  CNNX_INLINE void put(const Vector (&pixels)[2][kOutputs], int i, Extent extent, int64_t first,
                       int64_t channel, Lanes lanes) const {
    const Vector added = bias ? lanes.load(bias + channel) : Vector{};
    CNNX_UNROLL for (int r = 0; r < 2; ++r) {
      if (i + r >= extent.rows()) return;
      const int64_t row = first + (i + r) * width * channels + channel;
      CNNX_UNROLL for (int j = 0; j < kOutputs; ++j) {
        if (j >= extent.columns()) break;
        const int64_t pixel = row + j * channels;
        Vector value = pixels[r][j] + added;
        if (addend) value += lanes.load(addend + pixel);
        lanes.store(target + pixel, at_least(floor, value));
      }
    }
  }
};

template <bool kArgmax>
struct PooledRows2x2 {
  const float* bias;      // or null
  Vector floor;           // see relu_floor
  int64_t height, width;  // of the pooled map
  int64_t channels;
  float* target;
  uint8_t* argmax;

  CNNX_INLINE int64_t offset(int64_t image, int64_t row, int64_t column) const {
    return (image * height + row / 2) * width + column / 2;  // in pixels
  }
  template <int kOutputs>
  CNNX_INLINE void fetch_below(int64_t, int64_t, int64_t) const {}
  template <int kOutputs, class Extent, class Lanes>
  CNNX_INLINE void put(const Vector (&pixels)[2][kOutputs], int i, Extent extent, int64_t first,
                       int64_t channel, Lanes lanes) const {
    if (i + 1 >= extent.rows()) return;
    const Vector added = bias ? lanes.load(bias + channel) : Vector{};
    CNNX_UNROLL for (int j = 0; j < kOutputs; j += 2) {
      if (j + 1 >= extent.columns()) return;
      const Vector window[4] = {pixels[0][j] + added, pixels[0][j + 1] + added,
                                pixels[1][j] + added, pixels[1][j + 1] + added};
      const int64_t pixel = first + i / 2 * width + j / 2;
      pool_window<kArgmax>(window, floor, lanes, target + pixel * channels + channel,
                           kArgmax ? argmax + pixel * argmax_step(channels) + channel : nullptr);
    }
  }
};

struct GradientRows {
  bool accumulate;
  const float* relu_output;  // or null
  int64_t height, width, channels;
  float* target;

  CNNX_INLINE int64_t offset(int64_t image, int64_t row, int64_t column) const {
    return ((image * height + row) * width + column) * channels;
  }
  template <int kOutputs>
  CNNX_INLINE void fetch_below(int64_t row, int64_t column, int64_t image) const {
    const WinogradImage shape = {height, width, channels};
    const int64_t floats = image * shape.floats();
    fetch_ahead<kOutputs, kToWrite>(shape, target + floats, row + kOutputs, column);
    if (relu_output) fetch_ahead<kOutputs>(shape, relu_output + floats, row + kOutputs, column);
  }
  template <int kOutputs, class Extent, class Lanes>
  CNNX_INLINE void put(const Vector (&pixels)[2][kOutputs], int i, Extent extent, int64_t first,
                       int64_t channel, Lanes lanes) const {
    CNNX_UNROLL for (int r = 0; r < 2; ++r) {
      if (i + r >= extent.rows()) return;
      const int64_t row = first + (i + r) * width * channels + channel;
      CNNX_UNROLL for (int j = 0; j < kOutputs; ++j) {
        if (j >= extent.columns()) break;
        const int64_t pixel = row + j * channels;
        Vector value = pixels[r][j];
        if (accumulate) value += lanes.load(target + pixel);
        if (relu_output) value = lanes.load(relu_output + pixel) <= Vector{} ? Vector{} : value;
        lanes.store(target + pixel, value);
      }
    }
  }
};

// One vector of channels of one tile. Not inlined for the same reason as transform_vector.
template <class Lines, class Epilogue, class Extent, class Lanes>
__attribute__((noinline)) void transform_back(const float* points, int64_t plane_floats,
                                              const Epilogue& epilogue, Extent extent,
                                              int64_t first, int64_t channel, Lanes lanes) {
  constexpr int kOutputs = Lines::kOutputs, kPoints = Lines::kPoints;
  Vector half[kOutputs][kPoints];
  CNNX_UNROLL for (int j = 0; j < kPoints; ++j) {
    Vector line[kPoints], values[kOutputs];
    CNNX_UNROLL for (int i = 0; i < kPoints; ++i) {
      line[i] = load(points + (i * kPoints + j) * plane_floats);
    }
    Lines::output(line, values);
    CNNX_UNROLL for (int i = 0; i < kOutputs; ++i) half[i][j] = values[i];
  }
  CNNX_UNROLL for (int i = 0; i < kOutputs; i += 2) {
    Vector pixels[2][kOutputs];
    Lines::output(half[i], pixels[0]);
    Lines::output(half[i + 1], pixels[1]);
    epilogue.put(pixels, i, extent, first, channel, lanes);
  }
}

template <class Lines, class Epilogue>
void transform_output(const WinogradShape& s, const WinogradPlanes& products, WinogradTiles tiles,
                      WinogradColumns columns, const Epilogue& epilogue) {
  constexpr int kOutputs = Lines::kOutputs;
  TilePlace place(s, kOutputs, tiles.first);
  for (int64_t t = 0; t < tiles.count; ++t, place.advance()) {
    const float* tile = products.at(t, 0).data;
    const int64_t row = place.row * kOutputs, column = place.column * kOutputs;
    const int64_t first = epilogue.offset(place.image, row, column);
    if (s.fetches) epilogue.template fetch_below<kOutputs>(row, column, place.image);
    const PartOfTile part = {s.target_height - row, s.target_width - column};
    const bool whole = part.row_count >= kOutputs && part.column_count >= kOutputs;
    for_channel_vectors(columns.count(), [&](int64_t channel, auto lanes) CNNX_INLINED {
      const auto transform = [&](auto extent) CNNX_INLINED {
        transform_back<Lines>(tile + channel, products.plane_floats, epilogue, extent, first,
                              columns.first + channel, lanes);
      };
      // Saves a template instance: whole tiles of a partial vector are rare.
      if constexpr (__is_same(decltype(lanes), AllLanes)) {
        if (whole) return transform(WholeTile<kOutputs>{});
      }
      transform(part);
    });
  }
}

template <class Lines>
void put_output(const WinogradShape& s, const WinogradPlanes& products, WinogradTiles tiles,
                WinogradColumns columns, const ForwardEpilogue& epilogue, float* target) {
  const auto put = [&](const auto& rows) {
    transform_output<Lines>(s, products, tiles, columns, rows);
  };
  const Vector floor = relu_floor(epilogue.relu);
  if (!epilogue.pool) {
    put(ForwardRows{epilogue.bias, epilogue.addend, floor, s.target_height, s.target_width,
                    s.target_channels, target});
    return;
  }
  const int64_t height = s.target_height / 2, width = s.target_width / 2;
  if (epilogue.argmax) {
    put(PooledRows2x2<true>{epilogue.bias, floor, height, width, s.target_channels, target,
                            epilogue.argmax});
  } else {
    put(PooledRows2x2<false>{epilogue.bias, floor, height, width, s.target_channels, target,
                             nullptr});
  }
}

template <class Lines>
void put_gradient(const WinogradShape& s, const WinogradPlanes& products, WinogradTiles tiles,
                  WinogradColumns columns, const GradientEpilogue& epilogue, float* target) {
  transform_output<Lines>(s, products, tiles, columns,
                          GradientRows{epilogue.accumulate, epilogue.relu_output, s.target_height,
                                       s.target_width, s.target_channels, target});
}

}  // namespace

const WinogradKernels winograd2_kernels = {panels_offset<Lines2>,   transform_weight<Lines2>,
                                           transform_input<Lines2>, multiply_points<Lines2>,
                                           put_output<Lines2>,      put_gradient<Lines2>};
const WinogradKernels winograd4_kernels = {panels_offset<Lines4>,   transform_weight<Lines4>,
                                           transform_input<Lines4>, multiply_points<Lines4>,
                                           put_output<Lines4>,      put_gradient<Lines4>};

}  // namespace CNNX_ISA
}  // namespace cnnx
