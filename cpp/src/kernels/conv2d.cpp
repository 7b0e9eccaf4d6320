// The direct convolution, forward and input gradient: iterates over a band a few rows at a time and
// passes lines of pixels to the tiles, so that their inputs stay in the first-level cache.
#include "kernels/conv2d.h"

#include "kernels/conv2d_one_input.h"
#include "kernels/conv2d_rows.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// A block of a panel's depth that all lines of a strip use before the next block: 36 KB with
// vectors of eight floats, twice that with sixteen, whose tiles read it slowly enough for the
// second-level cache. With smaller blocks, sums would travel to memory and back more often.
constexpr int64_t kCutFloats = 576 * kBlockColumns;
static_assert(kCutFloats / kLanes <= kMostZeroRun, "a cut's runs may be zeros");
// The least depth of a block at which prefetching the next line hides behind a tile's arithmetic.
// One long line waits for memory alone, and gains at any depth.
constexpr int64_t kLeastFetchDepth = 192, kLeastFetchDepthOfLongLine = 8;
// Images larger than a second-level cache are written to uncached memory. There, waiting takes
// longer than prefetching at any depth.
constexpr int64_t kCachedFloats = 256 * 1024, kLeastFetchDepthOfLargeImage = 16;
// In a long line, the pixels of the next tile are prefetched.
constexpr int64_t kFetchPixels = 14;

// Unpacked rows of weights are read a few at a time for all blocks. Block by block, each row would
// be read repeatedly, a cache line or two at a time.
constexpr int64_t kPackedRows = 16;

void pack_tap(const WeightTap& w, int64_t first_block, int64_t last_block, float* panel) {
  const int64_t rows = w.column_step == 1 ? kPackedRows : w.inputs;
  for (int64_t k = 0; k < w.inputs; k += rows) {
    const int64_t count = w.inputs - k < rows ? w.inputs - k : rows;
    for (int64_t b = first_block; b < last_block; ++b) {
      const ColumnBlock block = column_block(w.outputs, b);
      pack_block(w.source + k * w.k_step + block.begin * w.column_step, count, w.k_step,
                 block.columns, w.column_step, block.width,
                 panel + w.taps * w.inputs * block.begin + (w.tap * w.inputs + k) * block.width);
    }
  }
}

// Part of a pass's depth: rows of taps, in each one column of taps or all, and in each a part of
// its run or all.
struct Cut {
  Range tap_rows, tap_columns, run;
};

// The values shared by all depth blocks of all blocks of channels in a strip.
struct Strip {
  const Convolution& c;
  const ConvolutionBand& band;
  const ConvolutionPass& pass;
  Rows source;
  Range rows;
  bool joined;       // one long line
  bool reads_first;  // this block of channels is the first that reads the input
  bool last_block;   // of the band's blocks of channels
};

int64_t least_fetch_depth(const Strip& strip) {
  const Convolution& c = strip.c;
  if (strip.joined) return kLeastFetchDepthOfLongLine;
  const int64_t row_floats = c.target_width * c.target_channels;
  const bool large = strip.pass.rows * c.row_step * row_floats > kCachedFloats;
  return large ? kLeastFetchDepthOfLargeImage : kLeastFetchDepth;
}

// Whether the panel after a cut is read next, and not from a second-level cache: by a band's first
// strip, or by any if the pass's weights exceed a part of that cache.
bool fetches_panel(const Strip& strip, const Cut& cut) {
  constexpr int64_t kCachedWeights = 128 * 1024;
  const int64_t taps_high = strip.pass.vertical.taps, taps_wide = strip.pass.horizontal.taps;
  const int64_t inputs = strip.c.group_inputs;
  const bool last_cut =
      cut.tap_rows.last == taps_high && cut.tap_columns.last == taps_wide && cut.run.last == inputs;
  if (last_cut && strip.last_block) return false;
  const int64_t weights = taps_high * taps_wide * inputs * strip.c.group_outputs;
  const int64_t pixels = strip.pass.columns * (strip.rows.last - strip.rows.first);
  return weights > kCachedWeights ||
         (strip.rows.first == strip.band.first && pixels > kFetchPixels);
}

// All lines of the strip use one depth block of a panel; `product` holds the block of channels.
void convolve_cut(const Strip& strip, const Cut& cut, int64_t group_input, const float* panel,
                  float* target, Product product) {
  const Convolution& c = strip.c;
  const WindowAxis &v = strip.pass.vertical, &h = strip.pass.horizontal;
  const int64_t tap_depth = c.group_inputs;
  const float* const start = product.start;
  const int64_t target_step = c.row_step * c.target_width * c.target_channels;
  const bool copied = copied_floats(c.source, 1) > 0;
  product.taps_wide = cut.tap_columns.last - cut.tap_columns.first;
  product.run = cut.run.last - cut.run.first;
  const int64_t depth = (cut.tap_rows.last - cut.tap_rows.first) * product.taps_wide * product.run;
  const bool fetches = depth >= least_fetch_depth(strip);
  const int64_t tap_row_floats = strip.pass.panel_taps * tap_depth * product.width;
  panel +=
      cut.tap_rows.first * tap_row_floats +
      ((strip.pass.first_tap + cut.tap_columns.first) * tap_depth + cut.run.first) * product.width;
  const bool fetches_next_panel = fetches_panel(strip, cut);
  const FetchAhead next_panel = panel_after(panel, depth * product.width);
  product.zero_first = !copied && h.origin < 0 && cut.tap_columns.first == 0;
  product.zero_last = !copied && last_place(h, strip.pass.columns) >= c.source.width &&
                      cut.tap_columns.last == h.taps;
  for (int64_t r = strip.rows.first; r < strip.rows.last; ++r) {
    const Range inside = taps_inside(v, r, c.source.height);
    const int64_t first = inside.first > cut.tap_rows.first ? inside.first : cut.tap_rows.first;
    const int64_t last = inside.last < cut.tap_rows.last ? inside.last : cut.tap_rows.last;
    const bool nothing = inside.first == inside.last;
    // The first depth block of a line starts its chains. A line without taps still gets its start
    // value.
    const bool starts = cut.tap_columns.first == 0 && cut.run.first == 0 &&
                        (nothing ? cut.tap_rows.first == 0 : first == inside.first);
    if (first >= last && !(nothing && starts)) continue;
    const bool ends = nothing || (cut.tap_columns.last == h.taps && cut.run.last == tap_depth &&
                                  last == inside.last);
    product.relu = strip.band.relu && ends;
    product.taps_high = first < last ? last - first : 0;
    product.start = starts ? start : nullptr;
    product.input =
        strip.source.at(v.origin + r * v.stride + first * v.dilation,
                        h.origin + cut.tap_columns.first * h.dilation, c.source.channels) +
        group_input + cut.run.first;
    product.panel = panel + (first - cut.tap_rows.first) * tap_row_floats;
    product.output = target + r * target_step;
    product.addend = strip.band.addend && ends
                         ? strip.band.addend + (product.output - strip.band.target)
                         : nullptr;
    product.next_input = product.next_output = nullptr;
    if (fetches && starts && strip.joined) {
      if (strip.reads_first) product.next_input = product.input + kFetchPixels * product.row_step;
      product.next_output = product.output + kFetchPixels * product.output_step;
    } else if (fetches && starts && r + 1 < strip.pass.rows) {
      product.next_output = product.output + target_step;
      // The row below the inputs of the next line's windows.
      const int64_t below = last_place(v, r + 2) + 1;
      if (strip.reads_first && group_input == 0 && !copied && below > 0 &&
          below < c.source.height) {
        product.next_input = strip.source.at(below, 0, c.source.channels);
      }
    }
    if (fetches_next_panel) {
      product.next_panel =
          part_of(next_panel, r - strip.rows.first, strip.rows.last - strip.rows.first);
    }
    multiply(product);
  }
}

// One block of output channels.
void convolve_block(const Strip& strip, int64_t group_input, const float* panel, float* target,
                    const Product& product) {
  const WindowAxis &v = strip.pass.vertical, &h = strip.pass.horizontal;
  const int64_t inputs = strip.c.group_inputs, most = kCutFloats / product.width;
  const bool whole_rows = h.taps * inputs <= most;
  // A panel's rows of taps follow one another only if all of their taps are used.
  const int64_t tap_rows = whole_rows && h.taps == strip.pass.panel_taps
                               ? divide_up(v.taps, divide_up(v.taps, most / (h.taps * inputs)))
                               : 1;
  const int64_t columns = whole_rows ? h.taps : 1;
  const int64_t pieces = whole_rows ? 1 : divide_up(inputs, most);
  for (int64_t i = 0; i < v.taps; i += tap_rows) {
    for (int64_t j = 0; j < h.taps; j += columns) {
      for (int64_t p = 0; p < pieces; ++p) {
        const Cut cut = {{i, v.taps - i < tap_rows ? v.taps : i + tap_rows},
                         {j, j + columns},
                         {inputs * p / pieces, inputs * (p + 1) / pieces}};
        convolve_cut(strip, cut, group_input, panel, target, product);
      }
    }
  }
}

// Whether lines follow one another without a gap, as in a 1x1 kernel: then they form one long line.
// Lines with a pixel outside the image do not: the next line's pixel is in its place. A copy of
// pixels has no gaps.
bool lines_join(const Strip& strip) {
  const Convolution& c = strip.c;
  const WindowAxis &v = strip.pass.vertical, &h = strip.pass.horizontal;
  const int64_t columns = strip.pass.columns;
  const bool rows_inside = v.origin + strip.rows.first * v.stride >= 0 &&
                           v.origin + (strip.rows.last - 1) * v.stride < c.source.height;
  const bool columns_inside = h.origin >= 0 && last_place(h, columns) < c.source.width;
  const bool source_joins = copies_pixels(c) || v.stride * strip.source.row_floats ==
                                                    columns * h.stride * c.source.channels;
  return v.taps == 1 && h.taps == 1 && rows_inside && columns_inside && source_joins &&
         c.row_step * c.target_width == columns * c.column_step;
}

// The line formed by all windows of a strip: see copies_pixels.
void copy_pixels(Strip& strip, Product& product) {
  const Convolution& c = strip.c;
  const WindowAxis &v = strip.pass.vertical, &h = strip.pass.horizontal;
  const int64_t step = c.source.channels + kCacheLine<float>;
  float* copy = strip.band.scratch;
  for (int64_t r = strip.rows.first; r < strip.rows.last; ++r) {
    const float* pixel = strip.source.at(v.origin + r * v.stride, h.origin, c.source.channels);
    for (int64_t q = 0; q < strip.pass.columns; ++q, pixel += product.row_step, copy += step) {
      copy_floats(pixel, c.source.channels, copy);
    }
  }
  strip.source = {strip.band.scratch, v.origin + strip.rows.first * v.stride, h.origin, 0};
  product.row_step = step;
}

// The band's blocks of channels in a strip of one pass.
void convolve_strip(Strip strip) {
  const Convolution& c = strip.c;
  const ConvolutionPass& pass = strip.pass;
  const int64_t depth = pass.vertical.taps * pass.panel_taps * c.group_inputs;
  Product product = {};
  product.rows = pass.columns;
  product.row_step = pass.horizontal.stride * c.source.channels;
  product.tap_row_step = pass.vertical.dilation * strip.source.row_floats;
  product.tap_column_step = pass.horizontal.dilation * c.source.channels;
  product.output_step = c.column_step * c.target_channels;
  product.ceiling = strip.band.ceiling;
  strip.joined = lines_join(strip);
  if (strip.joined) {
    if (copies_pixels(c)) copy_pixels(strip, product);
    product.rows *= strip.rows.last - strip.rows.first;
    strip.rows.last = strip.rows.first + 1;
  }
  const int64_t group_blocks = block_count(c.group_outputs);
  for (int64_t index = strip.band.first_block; index < strip.band.last_block; ++index) {
    const int64_t g = index / group_blocks;
    const ColumnBlock block = column_block(c.group_outputs, index % group_blocks);
    strip.reads_first = index == strip.band.first_block || index % group_blocks == 0;
    strip.last_block = index + 1 == strip.band.last_block;
    const float* panel = strip.band.panels + pass.panels_offset +
                         g * panel_floats(depth, c.group_outputs) + depth * block.begin;
    const int64_t channel = g * c.group_outputs + block.begin;
    alignas(64) float start[kBlockColumns] = {};
    if (strip.band.bias) {
      memcpy(start, strip.band.bias + channel, static_cast<size_t>(block.columns) * sizeof(float));
    }
    product.start = strip.band.accumulate ? nullptr : start;
    product.columns = block.columns;
    product.width = block.width;
    const int64_t row = pass.first_row - strip.band.target_row;
    float* target =
        strip.band.target + (row * c.target_width + pass.first_column) * c.target_channels;
    convolve_block(strip, g * c.group_inputs, panel, target + channel, product);
  }
}

// Source rows that rows [first, last) of any pass read, within the image.
Range source_rows(const Convolution& c, Range strip) {
  Range range = {c.source.height, 0};
  for (int64_t p = 0; p < c.pass_count; ++p) {
    const ConvolutionPass& pass = c.passes[p];
    const int64_t last_row = (strip.last < pass.rows ? strip.last : pass.rows) - 1;
    if (last_row < strip.first) continue;
    const WindowAxis& v = pass.vertical;
    const int64_t first = v.origin + strip.first * v.stride;
    const int64_t last = v.origin + last_row * v.stride + (v.taps - 1) * v.dilation + 1;
    if (first < range.first) range.first = first;
    if (last > range.last) range.last = last;
  }
  if (range.first < 0) range.first = 0;
  if (range.last > c.source.height) range.last = c.source.height;
  return range;
}

Rows rows_of_copy(const Convolution& c, const ConvolutionBand& band, Range copied) {
  return {band.scratch, copied.first, c.source.first_column,
          (c.source.last_column - c.source.first_column) * c.source.channels};
}

// Rows of a strip. Those of one pixel are divided into equal strips of whole tiles.
int64_t rows_of_strip(int64_t rows, int64_t columns) {
  constexpr int64_t kTilePixels = 14;
  static_assert(kStripPixels % kTilePixels == 0, "the largest strip has whole tiles");
  if (columns > 1) return columns < kStripPixels ? kStripPixels / columns : 1;
  return divide_up(divide_up(rows, divide_up(rows, kStripPixels)), kTilePixels) * kTilePixels;
}

// source (height, width, groups * group_inputs) -> rows of target (height, width, groups *
// group_outputs)
void convolve(const Convolution& c, const ConvolutionBand& band) {
  int64_t columns = 1;
  for (int64_t p = 0; p < c.pass_count; ++p) {
    if (c.passes[p].columns > columns) columns = c.passes[p].columns;
  }
  const int64_t strip_rows = rows_of_strip(band.last - band.first, columns);
  const int64_t source_floats = c.source.width * c.source.channels;
  const Range needed = source_rows(c, {band.first, band.last});
  const bool copies = copied_floats(c.source, 1) > 0;
  const Rows rows = copies ? rows_of_copy(c, band, needed) : Rows{band.source, 0, 0, source_floats};
  int64_t copied = needed.first;
  for (int64_t first = band.first; first < band.last; first += strip_rows) {
    const int64_t last = band.last - first < strip_rows ? band.last : first + strip_rows;
    if (copies) {
      const int64_t end = source_rows(c, {first, last}).last;
      copy_rows(c.source, band.source, {copied, end},
                band.scratch + (copied - needed.first) * rows.row_floats);
      if (end > copied) copied = end;
    }
    for (int64_t p = 0; p < c.pass_count; ++p) {
      const ConvolutionPass& pass = c.passes[p];
      const int64_t pass_last = last < pass.rows ? last : pass.rows;
      if (first >= pass_last) continue;
      if (runs_along_pixels(c) && !band.accumulate) {
        convolve_one_input(c, band, rows.at(0, pass.horizontal.origin, 1), rows.row_floats, first,
                           pass_last);
      } else {
        convolve_strip({c, band, pass, rows, {first, pass_last}, false, false, false});
      }
    }
  }
}

void convolve_pooled(const Convolution& c, const ConvolutionBand& band, uint8_t* argmax) {
  const Range needed = source_rows(c, {band.first, band.last});
  copy_rows(c.source, band.source, needed, band.scratch);
  const Rows rows = rows_of_copy(c, band, needed);
  convolve_one_input_pooled(c, band, rows.at(0, c.passes[0].horizontal.origin, 1), rows.row_floats,
                            argmax);
}

int64_t blocks(int64_t group_outputs) { return block_count(group_outputs); }

}  // namespace

const Conv2dKernels conv2d_kernels = {pack_tap, convolve, convolve_pooled, blocks};

}  // namespace CNNX_ISA
}  // namespace cnnx
