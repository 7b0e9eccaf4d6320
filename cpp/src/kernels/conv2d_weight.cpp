// The direct convolution's weight gradient: sums of input times gradient over bands of rows, and
// the sum of the chunks.
#include "kernels/conv2d.h"
#include "kernels/conv2d_rows.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// A band whose input and gradient are where the tiles read them.
struct Band {
  const WeightGradientBand& shape;
  Rows input;
  int64_t input_image_step;
  const float* gradient;
  int64_t gradient_image_step, gradient_row_step, gradient_pixel_step;
  FetchAhead next[2];  // input and gradient of the next band
};

// The input rows themselves, or copies with zeros beside them.
void place_input(const WeightGradientBand& shape, Band& band) {
  const WindowedImage& source = shape.source;
  const int64_t source_floats = source.width * source.channels;
  const int64_t copy_floats = copied_floats(source, spanned(shape.vertical, shape.rows));
  band.input = {shape.input, 0, 0, source_floats};
  band.input_image_step = source.height * source_floats;
  if (copy_floats == 0) return;
  Range rows = {shape.vertical.origin, last_place(shape.vertical, shape.rows) + 1};
  if (rows.first < 0) rows.first = 0;
  if (rows.last > source.height) rows.last = source.height;
  for (int64_t n = 0; n < shape.images; ++n) {
    copy_rows(source, shape.input + n * band.input_image_step, rows,
              shape.input_copy + n * copy_floats);
  }
  band.input = {shape.input_copy, rows.first, source.first_column,
                (source.last_column - source.first_column) * source.channels};
  band.input_image_step = copy_floats;
}

// Whether to copy a block's gradient to a panel. Required if its last vector is partial. Faster if
// pixels are so far apart that they share a few cache sets, or if vectors cross cache lines and
// many tiles load them.
bool wants_panel(const WeightGradientBand& shape, const float* gradient, int64_t step,
                 const ColumnBlock& block) {
  constexpr int64_t kMostStep = 128, kManyProducts = 128;
  if (block.columns < block.width) return true;
  const bool aligned =
      (reinterpret_cast<uintptr_t>(gradient) % sizeof(Vector)) == 0 && step % kLanes == 0;
  return (step > kMostStep || !aligned) &&
         shape.vertical.taps * shape.horizontal.taps * shape.group_inputs >= kManyProducts;
}

// The gradient of one block of channels, in place or as a panel.
void place_gradient(const WeightGradientBand& shape, int64_t channel, const ColumnBlock& block,
                    Band& band) {
  const int64_t step = shape.groups * shape.group_outputs;
  band.gradient = shape.gradient + channel;
  band.gradient_pixel_step = step;
  band.gradient_row_step = shape.columns * step;
  band.gradient_image_step = shape.gradient_image_floats;
  if (!wants_panel(shape, band.gradient, step, block)) return;
  const int64_t image_floats = shape.rows * shape.columns * block.width;
  for (int64_t n = 0; n < shape.images; ++n) {
    pack_block(band.gradient + n * shape.gradient_image_floats, shape.rows * shape.columns, step,
               block.columns, 1, block.width, shape.gradient_panel + n * image_floats);
  }
  band.gradient = shape.gradient_panel;
  band.gradient_pixel_step = block.width;
  band.gradient_row_step = shape.columns * block.width;
  band.gradient_image_step = image_floats;
}

// At most `floats` floats from `next` on, those before `end`.
FetchAhead fetch_ahead(const float* next, const float* end, int64_t floats) {
  if (next >= end) return {end, end};
  return {next, end - next < floats ? end : next + floats};
}

// The rows of the next band, which has the same number. The first pass of a tile reads a band from
// memory much faster than memory delivers it. The rest of the work on a band reads nothing new.
void set_fetch_ahead(const WeightGradientBand& shape, Band& band) {
  const int64_t row_floats = shape.source.width * shape.source.channels;
  const int64_t last_row = last_place(shape.vertical, shape.rows);
  const int64_t input_floats = shape.images * shape.rows * shape.vertical.stride * row_floats;
  const int64_t gradient_floats =
      shape.images * shape.rows * shape.columns * shape.groups * shape.group_outputs;
  band.next[0] = fetch_ahead(
      shape.input + ((shape.images - 1) * shape.source.height + last_row + 1) * row_floats,
      shape.input_end, input_floats);
  band.next[1] = fetch_ahead(shape.gradient + gradient_floats, shape.gradient_end, gradient_floats);
}

// The panels of channels into which the input of a band of pixels is packed, each [pixel][channel].
// A tile then reads all of the few cache lines that it loads, one after another.
struct InputPanels {
  int64_t count, channels, pixels;

  CNNX_INLINE int64_t begin(int64_t panel) const { return channels * panel / count; }
};

// A copy pays off if so many blocks of the gradient and so many tiles read it.
constexpr int64_t kLeastPackedBlocks = 8, kLeastPanels = 10;
InputPanels input_panels(const WeightGradientBand& shape) {
  const int64_t channels = shape.group_inputs, count = divide_up(channels, longest_run());
  const bool packs = shape.packs_input && count >= kLeastPanels &&
                     shape.last_block - shape.first_block >= kLeastPackedBlocks;
  return {packs ? count : 0, channels, shape.images * shape.rows * shape.columns};
}

// `count` pixels, `step` apart, of which the first is pixel `first` of the band.
void pack_pixels(const InputPanels& panels, const float* input, int64_t step, int64_t first,
                 int64_t count, float* copy) {
  // So many pixels stay in the first-level cache.
  constexpr int64_t kPixels = 16;
  for (int64_t p = 0; p < count; p += kPixels) {
    const int64_t end = count - p < kPixels ? count : p + kPixels;
    for (int64_t t = 0; t < panels.count; ++t) {
      const int64_t begin = panels.begin(t), run = panels.begin(t + 1) - begin;
      const float* from = input + p * step + begin;
      float* to = copy + begin * panels.pixels + (first + p) * run;
      // Whole vectors: the next pixel, which is stored afterwards, replaces the lanes past the run.
      const int64_t last = first + end == panels.pixels ? end - 1 : end;
      for (int64_t i = p; i < last; ++i, from += step, to += run) {
        for (int64_t c = 0; c < run; c += kLanes) store(to + c, load(from + c));
      }
      if (last < end) copy_floats(from, run, to);
    }
  }
}

void pack_input(const WeightGradientBand& shape, const InputPanels& panels) {
  const WindowAxis &v = shape.vertical, &h = shape.horizontal;
  const int64_t channels = shape.source.channels, row_floats = shape.source.width * channels;
  for (int64_t n = 0; n < shape.images; ++n) {
    for (int64_t r = 0; r < shape.rows; ++r) {
      const int64_t row = n * shape.source.height + v.origin + r * v.stride;
      pack_pixels(panels, shape.input + row * row_floats + h.origin * channels, h.stride * channels,
                  (n * shape.rows + r) * shape.columns, shape.columns, shape.input_copy);
    }
  }
}

// Part of a band: windows rows x columns of `count` images.
struct Windows {
  Range rows, columns;
  int64_t first_image, images;
};

// Adds windows to `taps` rows of taps from (tap, tap_column) on; `sum` holds the run and the sums.
void add_windows(Band& band, const Windows& windows, int64_t tap, int64_t taps, int64_t tap_column,
                 int64_t group_input, OuterSum sum) {
  if (windows.rows.first >= windows.rows.last || windows.columns.first >= windows.columns.last)
    return;
  const WindowAxis &v = band.shape.vertical, &h = band.shape.horizontal;
  sum.input = band.input.at(v.origin + windows.rows.first * v.stride + tap * v.dilation,
                            h.origin + windows.columns.first * h.stride + tap_column * h.dilation,
                            band.shape.source.channels) +
              windows.first_image * band.input_image_step + group_input;
  sum.image_step = band.input_image_step;
  sum.gradient = band.gradient + windows.first_image * band.gradient_image_step +
                 windows.rows.first * band.gradient_row_step +
                 windows.columns.first * band.gradient_pixel_step;
  sum.gradient_image_step = band.gradient_image_step;
  sum.gradient_row_step = band.gradient_row_step;
  sum.gradient_pixel_step = band.gradient_pixel_step;
  sum.images = windows.images;
  sum.rows = windows.rows.last - windows.rows.first;
  sum.pixels = windows.columns.last - windows.columns.first;
  sum.taps = taps;
  // Rows or images that follow one another without a gap are one row.
  if (sum.row_step == sum.pixels * sum.pixel_step &&
      sum.gradient_row_step == sum.pixels * sum.gradient_pixel_step) {
    sum.pixels *= sum.rows;
    sum.rows = 1;
    if (sum.image_step == sum.pixels * sum.pixel_step &&
        sum.gradient_image_step == sum.pixels * sum.gradient_pixel_step) {
      sum.pixels *= sum.images;
      sum.images = 1;
    }
  }
  add_outer_products(sum);
}

// Several rows of taps at once share the windows that all of them read. At the image's edges each
// row processes its own windows, before and after, so that every chain keeps its order.
void add_tap_rows(Band& band, Range columns, int64_t tap, int64_t taps, int64_t tap_column,
                  int64_t group_input, const OuterSum& sum) {
  const WeightGradientBand& shape = band.shape;
  Range common = {0, shape.rows};
  Range own[3];
  bool edges = false;
  for (int64_t t = 0; t < taps; ++t) {
    own[t] = windows_inside(shape.vertical, tap + t, shape.rows, shape.source.height);
    edges = edges || own[t].first > 0 || own[t].last < shape.rows;
    if (own[t].first > common.first) common.first = own[t].first;
    if (own[t].last < common.last) common.last = own[t].last;
  }
  if (taps == 1 || !edges) {
    return add_windows(band, {common, columns, 0, shape.images}, tap, taps, tap_column, group_input,
                       sum);
  }
  if (common.last < common.first) common.last = common.first;
  const auto add_edge = [&](int64_t image, int64_t t, int64_t first, int64_t last) {
    OuterSum one = sum;
    one.sums += t * sum.sums_tap_step;
    add_windows(band, {{first, last}, columns, image, 1}, tap + t, 1, tap_column, group_input, one);
  };
  for (int64_t n = 0; n < shape.images; ++n) {
    for (int64_t t = 0; t < taps; ++t) {
      add_edge(n, t, own[t].first, own[t].last < common.first ? own[t].last : common.first);
    }
    add_windows(band, {common, columns, n, 1}, tap, taps, tap_column, group_input, sum);
    for (int64_t t = 0; t < taps; ++t) {
      add_edge(n, t, own[t].first > common.last ? own[t].first : common.last, own[t].last);
    }
  }
}

// The sums of one block of the gradient, with packed input; `sum` holds the sums.
void add_packed_input(const InputPanels& panels, const Band& band, OuterSum sum) {
  sum.images = sum.rows = sum.taps = 1;
  sum.pixels = panels.pixels;
  sum.gradient = band.gradient;
  sum.gradient_pixel_step = band.gradient_pixel_step;
  float* const sums = sum.sums;
  for (int64_t t = 0; t < panels.count; ++t) {
    const int64_t begin = panels.begin(t);
    sum.run = sum.pixel_step = panels.begin(t + 1) - begin;
    sum.input = band.shape.input_copy + begin * panels.pixels;
    sum.sums = sums + begin * sum.sums_step;
    add_outer_products(sum);
  }
}

// Sums begin at zero.
void clear_sums(float* sums, int64_t depth, int64_t step, int64_t columns) {
  for (int64_t k = 0; k < depth; ++k, sums += step) {
    memset(sums, 0, static_cast<size_t>(columns) * sizeof(float));
  }
}

// target[0, count) (+)= sums over chunks, chunk by chunk
CNNX_INLINE void reduce_row(const float* sums, int64_t chunks, int64_t chunk_floats, int64_t count,
                            bool accumulate, float* target) {
  for (int64_t c = 0; c < count; c += kLanes) {
    Vector total = load(sums + c);
    for (int64_t chunk = 1; chunk < chunks; ++chunk) total += load(sums + chunk * chunk_floats + c);
    if (count - c >= kLanes) {
      store(target + c, accumulate ? load(target + c) + total : total);
    } else {
      const int64_t rest = count - c;
      store_partial(target + c, accumulate ? load_partial(target + c, rest) + total : total, rest);
    }
  }
}

// input x gradient -> sums
void add_weight_gradient(const WeightGradientBand& shape) {
  const WindowAxis &v = shape.vertical, &h = shape.horizontal;
  const int64_t row_depth = h.taps * shape.group_inputs, depth = v.taps * row_depth;
  const int64_t group_blocks = block_count(shape.group_outputs);
  Band band = {shape, {}, 0, nullptr, 0, 0, 0, {}};
  const InputPanels panels = input_panels(shape);
  if (panels.count > 0) pack_input(shape, panels);
  place_input(shape, band);
  // A row of taps is one run of floats if neither dilation nor groups leave gaps in it, which makes
  // few input channels efficient. Taps that leave the image are processed one by one, each with its
  // own windows.
  const bool inside = band.input.first_column <= h.origin &&
                      last_place(h, shape.columns) < shape.source.last_column;
  const bool joined = inside && h.dilation * shape.source.channels == shape.group_inputs;
  OuterSum sum = {};
  sum.row_step = v.stride * band.input.row_floats;
  sum.pixel_step = h.stride * shape.source.channels;
  sum.tap_step = v.dilation * band.input.row_floats;
  sum.run = joined ? row_depth : shape.group_inputs;
  set_fetch_ahead(shape, band);
  sum.ahead = band.next;
  sum.fresh = shape.first && shape.reads_pixels;
  for (int64_t index = shape.first_block; index < shape.last_block; ++index) {
    const int64_t g = index / group_blocks;
    const ColumnBlock block = column_block(shape.group_outputs, index % group_blocks);
    place_gradient(shape, g * shape.group_outputs + block.begin, block, band);
    const bool packed_sums = shape.sums_step == 0;
    float* const sums = shape.sums + (packed_sums ? g * panel_floats(depth, shape.group_outputs) +
                                                        depth * block.begin
                                                  : g * shape.group_outputs + block.begin);
    sum.columns = with_padding(block);
    sum.width = block.width;
    sum.sums_step = packed_sums ? block.width : shape.sums_step;
    sum.sums_tap_step = row_depth * sum.sums_step;
    if (shape.first && !sum.fresh) clear_sums(sums, depth, sum.sums_step, block.width);
    if (panels.count > 0 && block.width == kBlockColumns) {
      sum.sums = sums;
      add_packed_input(panels, band, sum);
      continue;
    }
    const int64_t most = taps_at_once(v.taps, sum.run, block.width);
    for (int64_t tap = 0; tap < v.taps; tap += most) {
      const int64_t taps = v.taps - tap < most ? v.taps - tap : most;
      for (int64_t j = 0; j < (joined ? 1 : h.taps); ++j) {
        const Range columns = inside ? Range{0, shape.columns}
                                     : windows_inside(h, j, shape.columns, shape.source.width);
        sum.sums = sums + tap * sum.sums_tap_step + j * sum.run * sum.sums_step;
        add_tap_rows(band, columns, tap, taps, j, g * shape.group_inputs, sum);
      }
    }
  }
}

void reduce_weight_gradient(const WeightSums& sums, int64_t begin, int64_t end, bool accumulate,
                            float* target, int64_t target_step) {
  for (int64_t b = 0; b < block_count(sums.outputs); ++b) {
    const ColumnBlock block = column_block(sums.outputs, b);
    for (int64_t k = begin; k < end; ++k) {
      reduce_row(sums.panel + sums.depth * block.begin + k * block.width, sums.chunks,
                 sums.chunk_floats, block.columns, accumulate,
                 target + k * target_step + block.begin);
    }
  }
}

}  // namespace

const Conv2dGradientKernels conv2d_gradient_kernels = {add_weight_gradient, reduce_weight_gradient,
                                                       add_bias_gradient, reduce_bias_gradient};

}  // namespace CNNX_ISA
}  // namespace cnnx
