// Winograd's convolution: transforms tiles of an image, multiplies them with the weights, and
// transforms the results back to the target.
#include "kernels/conv2d_winograd.h"

#include "kernels/cache_line.h"
#include "kernels/conv2d_winograd_epilogues.h"
#include "kernels/conv2d_winograd_tiles.h"
#include "kernels/split.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

constexpr float kZeroSums[kBlockColumns] = {};

// The start of a block of columns in transformed weights.
template <int kSide>
int64_t panels_offset(int64_t inputs, int64_t column) {
  constexpr int64_t kPoints = kSide * kSide;
  return column / kBlockColumns * kPoints * (inputs * kBlockColumns + kCacheLine<float>);
}

// Transforms a vector of weights. Not inlined for the same reason as transform_vector.
template <class Lines>
__attribute__((noinline)) void transform_taps(const float* taps, int64_t tap_floats, float* points,
                                              int64_t panel_floats) {
  constexpr int kTaps = Lines::kTaps, kPoints = Lines::kPoints;
  Vector half[kPoints][kTaps];
  CNNX_UNROLL for (int v = 0; v < kTaps; ++v) {
    Vector line[kTaps], values[kPoints];
    CNNX_UNROLL for (int u = 0; u < kTaps; ++u) line[u] = load(taps + (u * kTaps + v) * tap_floats);
    Lines::weight(line, values);
    CNNX_UNROLL for (int u = 0; u < kPoints; ++u) half[u][v] = values[u];
  }
  for_each_line<kPoints>([&](int u) CNNX_INLINED {
    Vector values[kPoints];
    Lines::weight(half[u], values);
    CNNX_UNROLL for (int v = 0; v < kPoints; ++v) {
      store(points + (u * kPoints + v) * panel_floats, values[v]);
    }
  });
}

// The taps of a few inputs are packed side by side, and then transformed.
template <class Lines>
void transform_weight(const WinogradWeight& w, const WinogradPart& part, const float* weight,
                      int64_t first, int64_t last, WinogradColumns columns, float* panels) {
  constexpr int64_t kTaps = Lines::kTaps * Lines::kTaps;
  const int64_t last_tap = part.kernel_side * part.kernel_side - 1;
  // Packed at once: their taps fill a part of a first-level cache.
  constexpr int64_t kInputs = Lines::kTaps == 3 ? 8 : 4;
  constexpr int64_t kTapFloats = kInputs * kBlockColumns;
  alignas(64) float taps[kTaps * kTapFloats];
  for (int64_t b = 0; b < block_count(columns.count()); ++b) {
    const ColumnBlock block = column_block(columns.count(), b);
    float* const points = panels + panels_offset<Lines::kPoints>(w.inputs, block.begin);
    for (int64_t k = first; k < last; k += kInputs) {
      const int64_t inputs = k + kInputs <= last ? kInputs : last - k;
      for (int64_t t = 0; t < kTaps; ++t) {
        const int64_t tap_row = t / Lines::kTaps, tap_column = t % Lines::kTaps;
        float* const packed = taps + t * kTapFloats;
        if (!part.contains(tap_row, tap_column)) {
          for (int64_t i = 0; i < inputs * block.width; i += kLanes) store(packed + i, Vector{});
          continue;
        }
        const int64_t tap = part.tap(tap_row, tap_column);
        const int64_t column = columns.first + block.begin;
        pack_block(weight + (w.flipped ? last_tap - tap : tap) * w.tap_step + k * w.k_step +
                       column * w.column_step,
                   inputs, w.k_step, block.columns, w.column_step, block.width, packed);
      }
      for (int64_t i = 0; i < inputs * block.width; i += kLanes) {
        transform_taps<Lines>(taps + i, kTapFloats,
                              points + (part.first_input + k) * block.width + i,
                              w.inputs * block.width + kCacheLine<float>);
      }
    }
  }
}

// Shared by tiles of the same points.
template <class Points>
__attribute__((noinline)) void transform_source(const WinogradShape& s, const float* source,
                                                int64_t outputs, WinogradTiles tiles,
                                                const WinogradPlanes& planes) {
  const WinogradImage image = {s.source_height, s.source_width, s.source_channels, s.step()};
  TilePlace place(s, outputs, tiles.first);
  for (int64_t t = 0; t < tiles.count; ++t, place.advance()) {
    const float* image_source = source + place.image * image.floats();
    const int64_t row = s.first_row + place.first_row() * s.stride;
    const int64_t column = s.first_column + place.first_column() * s.stride;
    if (s.fetches) {
      fetch_ahead(image, image_source, row + Points::kPoints * s.step(), column,
                  outputs * s.step());
    }
    transform_tile<InputTransform<Points>>(image, image_source, row, column, s.source_channels,
                                           planes.at(t, 0).data, planes.plane_floats,
                                           [](int64_t, Vector, auto) CNNX_INLINED {});
  }
}

template <class Lines>
void transform_input(const WinogradShape& s, const float* source, WinogradTiles tiles,
                     const WinogradPlanes& planes) {
  transform_source<typename Lines::Points>(s, source, Lines::kOutputs, tiles, planes);
}

// Inputs after which divided chains end (see winograd_divides_chains).
constexpr int64_t kLongestChain = 72;

// products[point][tile][column] (+)= planes[point][tile] times panel[point].
template <int kSide>
void multiply_points(const WinogradPlanes& planes, int64_t tiles, const WinogradInputs& inputs,
                     const WinogradPanels& panels, int64_t columns, bool fresh,
                     const WinogradPlanes& products) {
  constexpr int64_t kPoints = kSide * kSide;
  Product product = {};
  product.rows = tiles;
  product.row_step = planes.row_floats;
  product.taps_high = product.taps_wide = 1;
  product.start = fresh ? kZeroSums : nullptr;
  product.output_step = products.row_floats;
  for (int64_t point = 0; point < kPoints; ++point) {
    const WinogradInputs::Range& range = inputs.at(point, kSide);
    const Split chains =
        split(range.count(), winograd_divides_chains(kPoints) ? kLongestChain : range.count());
    for (int64_t b = 0; b < block_count(columns); ++b) {
      const ColumnBlock block = column_block(columns, b);
      const float* const panel = panels.data + panels_offset<kSide>(inputs.count(), block.begin) +
                                 point * (inputs.count() * block.width + kCacheLine<float>);
      product.columns = with_padding(block);
      product.width = block.width;
      product.addend = nullptr;
      int64_t input = range.first;
      for (int64_t left = chains.tiles; left > 0; input += product.run, --left) {
        product.tap_column_step = product.run = chains.items(chains.tiles - left);
        product.input = planes.data + point * planes.plane_floats + input;
        product.panel = panel + input * block.width;
        // In turns in the plane behind all points and in the point's own, where the last one ends.
        const int64_t plane = left % 2 == 0 ? kPoints : point;
        product.output = products.data + plane * products.plane_floats + block.begin;
        if (!panels.cached)
          product.next_panel = panel_after(product.panel, product.run * block.width);
        multiply(product);
        product.addend = product.output;
      }
    }
  }
}

// Calls put(two rows of pixels, number of the first) for one vector of channels of one tile.
template <class Lines, class Put>
CNNX_INLINE void transform_back(const float* points, int64_t plane_floats, const Put& put) {
  constexpr int kOutputs = Lines::kOutputs, kPoints = Lines::kPoints;
  Vector half[kOutputs][kPoints];
  for_each_line<kPoints>([&](int j) CNNX_INLINED {
    Vector line[kPoints], values[kOutputs];
    CNNX_UNROLL for (int i = 0; i < kPoints; ++i) {
      line[i] = load(points + (i * kPoints + j) * plane_floats);
    }
    Lines::output(line, values);
    CNNX_UNROLL for (int i = 0; i < kOutputs; ++i) half[i][j] = values[i];
  });
  CNNX_UNROLL for (int i = 0; i < kOutputs; i += 2) {
    Vector pixels[2 * kOutputs];
    Lines::output(half[i], pixels);
    Lines::output(half[i + 1], pixels + kOutputs);
    put(pixels, i);
  }
}

// A whole tile at a whole vector of channels goes from registers to the target. Not inlined for the
// same reason as transform_vector.
template <class Lines, class Epilogue>
__attribute__((noinline)) void put_whole_tile(const float* points, int64_t plane_floats,
                                              const Epilogue& epilogue, int64_t first,
                                              int64_t channel) {
  constexpr int kOutputs = Lines::kOutputs;
  transform_back<Lines>(points, plane_floats, [&](const Vector* pixels, int i) CNNX_INLINED {
    epilogue.template put<kOutputs>(pixels, i, WholeTile<kOutputs>{}, first, channel, AllLanes{});
  });
}

// Other tiles go through memory, so that all epilogues share the transform.
template <class Lines>
__attribute__((noinline)) void transform_to_pixels(const float* points, int64_t plane_floats,
                                                   Vector* pixels) {
  constexpr int kOutputs = Lines::kOutputs;
  transform_back<Lines>(points, plane_floats, [&](const Vector* two_rows, int i) CNNX_INLINED {
    CNNX_UNROLL for (int j = 0; j < 2 * kOutputs; ++j) pixels[i * kOutputs + j] = two_rows[j];
  });
}

template <int kOutputs, class Epilogue, class Lanes>
__attribute__((noinline)) void put_pixels(const Vector* pixels, const Epilogue& epilogue,
                                          PartOfTile part, int64_t first, int64_t channel,
                                          Lanes lanes) {
  for (int i = 0; i < kOutputs; i += 2) {
    epilogue.template put<kOutputs>(pixels + i * kOutputs, i, part, first, channel, lanes);
  }
}

// The transforms of a tile size to the target. Those with the same size share the loops.
template <class Epilogue>
struct OutputTransforms {
  void (*put_whole_tile)(const float*, int64_t, const Epilogue&, int64_t, int64_t);  // or null
  void (*to_pixels)(const float*, int64_t, Vector*);
};

// Only strided tiles of a forward without pooling are worth the code of a path from registers.
template <class Lines, class Epilogue>
constexpr OutputTransforms<Epilogue> output_transforms(const Epilogue&) {
  if constexpr (Lines::kTaps % 2 == 0 && !__is_same(Epilogue, ForwardRows)) {
    return {nullptr, transform_to_pixels<Lines>};
  } else {
    return {put_whole_tile<Lines>, transform_to_pixels<Lines>};
  }
}

template <int kOutputs, class Epilogue>
void transform_output(const OutputTransforms<Epilogue>& transforms, const WinogradShape& s,
                      const WinogradPlanes& products, WinogradTiles tiles, WinogradColumns columns,
                      const Epilogue& epilogue) {
  TilePlace place(s, kOutputs, tiles.first);
  for (int64_t t = 0; t < tiles.count; ++t, place.advance()) {
    const float* tile = products.at(t, 0).data;
    const int64_t row = place.first_row(), column = place.first_column();
    const int64_t first = epilogue.offset(place.image, row, column);
    if (s.fetches) epilogue.template fetch_below<kOutputs>(row, column, place.image);
    const PartOfTile part = {(s.target_height - row + s.dilation - 1) / s.dilation,
                             (s.target_width - column + s.dilation - 1) / s.dilation};
    const bool whole = part.row_count >= kOutputs && part.column_count >= kOutputs;
    for_channel_vectors(columns.count(), [&](int64_t channel, auto lanes) CNNX_INLINED {
      const float* points = tile + channel;
      if constexpr (__is_same(decltype(lanes), AllLanes)) {
        if (whole && transforms.put_whole_tile) {
          return transforms.put_whole_tile(points, products.plane_floats, epilogue, first,
                                           columns.first + channel);
        }
      }
      Vector pixels[kOutputs * kOutputs];
      transforms.to_pixels(points, products.plane_floats, pixels);
      put_pixels<kOutputs>(pixels, epilogue, part, first, columns.first + channel, lanes);
    });
  }
}

TargetRows target_rows(const WinogradShape& s, float* target) {
  return {s.target_height, s.target_width, s.target_channels, s.dilation, target};
}

template <class Lines>
void put_output(const WinogradShape& s, const WinogradPlanes& products, WinogradTiles tiles,
                WinogradColumns columns, const ForwardEpilogue& epilogue, float* target) {
  const auto put = [&](const auto& rows) {
    transform_output<Lines::kOutputs>(output_transforms<Lines>(rows), s, products, tiles, columns,
                                      rows);
  };
  const Vector floor = relu_floor(epilogue.relu);
  if (!epilogue.pool) {
    put(ForwardRows{target_rows(s, target), epilogue.bias, epilogue.addend, floor,
                    broadcast(epilogue.ceiling)});
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
  const GradientRows rows = {target_rows(s, target), epilogue.accumulate, epilogue.relu_output};
  transform_output<Lines::kOutputs>(output_transforms<Lines>(rows), s, products, tiles, columns,
                                    rows);
}

template <class Lines>
constexpr WinogradKernels kernels_of() {
  return {panels_offset<Lines::kPoints>,   transform_weight<Lines>, transform_input<Lines>,
          multiply_points<Lines::kPoints>, put_output<Lines>,       put_gradient<Lines>};
}

}  // namespace

const WinogradKernels winograd2_kernels = kernels_of<Lines2>();
const WinogradKernels winograd4_kernels = kernels_of<Lines4>();
const WinogradKernels winograd2_of_5_kernels = kernels_of<Lines2Of5>();
const WinogradKernels winograd4_of_2_kernels = kernels_of<Lines4Of2>();
const WinogradKernels winograd4_of_4_kernels = kernels_of<Lines4Of4>();

}  // namespace CNNX_ISA
}  // namespace cnnx
