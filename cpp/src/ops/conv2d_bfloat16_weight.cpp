// The weight gradient of bfloat16 arrays: bands of positions are packed and multiplied in each
// thread, and the chunks are added up.
#include "ops/conv2d_bfloat16_weight.h"

#include <algorithm>

#include "kernels/bfloat16_arrays.h"
#include "kernels/bfloat16_weight.h"
#include "kernels/bias_gradient.h"
#include "ops/bfloat16.h"
#include "ops/bfloat16_windows.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Packed by a thread at a time, unless that is less than the fewest positions.
constexpr int64_t kBlockBandFloats = 512 * 1024;
constexpr int64_t kLeastBandBlocks = 8, kMostBandBlocks = 32;
// The cost of a sum's way to memory and back, in products.
constexpr int64_t kLeastWeightPixels = 4096;
// Of the sums of all chunks, unless there is only one.
constexpr int64_t kMostChunkFloats = 1024 * 1024;
constexpr int64_t kWeightShares = 4;
// Products that take about 20 microseconds, with packing.
constexpr int64_t kGrainProducts = 4 * kGrainMultiplyAdds;
// Channels that threads do not divide: two tiles.
constexpr int64_t kShareChannels = 2 * kBfloat16Tile;
constexpr int64_t kBiasFloats = 8 * 1024;

// Blocks of a run.
struct BandPart {
  RowRun run;
  int64_t first_block, blocks;
};

class Bfloat16WeightGradient final : public Conv2dWeightGradient {
 public:
  explicit Bfloat16WeightGradient(const Conv2dGeometry& geometry);

  int64_t scratch_floats(int threads) const override {
    return chunks_.count() * chunk_floats() + threads * slot_floats_;
  }
  void run(const WeightGradientArguments& arguments) const override;

 private:
  // Channels [first, last) of a group in one chunk's sums.
  struct Share {
    int64_t chunk, group, first, last;
    bool with_bias;
    float* slot;
  };
  // The next block of a chunk: its run's first row and its number in the run.
  struct Place {
    int64_t row, block = 0;
  };
  // A band in a thread's scratch.
  struct Band {
    uint16_t *zeros, *copies;
    const uint16_t** pixels;
    BandPart* parts;
    int64_t *offsets, *shifts, *sums_offsets;
    float *input, *gradient;
    int64_t part_count = 0, blocks = 0, input_positions = 0;
  };

  int64_t taps() const { return static_cast<int64_t>(planes_.taps().size()); }
  int64_t outputs() const { return geometry_.out_channels / geometry_.groups; }
  int64_t tap_sums() const {
    return with_tile_padding(planes_.channels()) * with_tile_padding(outputs());
  }
  int64_t group_sums() const { return taps() * tap_sums(); }
  int64_t weight_sums() const { return geometry_.groups * group_sums(); }
  int64_t chunk_floats() const { return weight_sums() + bias_sums_floats(geometry_.out_channels); }
  int64_t zero_count() const {
    return std::max({geometry_.in_channels, planes_.channels(), geometry_.out_channels});
  }
  // Of one plane.
  int64_t input_positions(int64_t blocks) const {
    return (blocks + divide_up(planes_.longest_shift(), kBfloat16Block)) * kBfloat16Block;
  }
  template <class Item>
  int64_t reserve(int64_t count);
  void arrange_slot();
  Band band_in(float* slot) const;
  bool sums_in_place(const WeightGradientArguments& a) const;
  RowRun next_run(int64_t row, int64_t end) const;
  void take_parts(Place& place, int64_t end, Band& band) const;
  void pack(const WeightGradientArguments& a, const Share& share, Band& band) const;
  void add_weights(const WeightGradientArguments& a, const Share& share) const;
  void add_biases(const WeightGradientArguments& a, const Share& share) const;
  void reduce(const WeightGradientArguments& a) const;

  Conv2dGeometry geometry_;
  WindowPlanes planes_;
  GradientChunks chunks_;
  int64_t band_blocks_, band_parts_, bias_rows_;
  // Of a thread's scratch, in floats.
  int64_t slot_floats_ = 0;
  int64_t zeros_ = 0, pixels_ = 0, copies_ = 0, parts_ = 0, offsets_ = 0, shifts_ = 0, input_ = 0,
          gradient_ = 0, bias_ = 0;
};

Bfloat16WeightGradient::Bfloat16WeightGradient(const Conv2dGeometry& g)
    : geometry_(g), planes_(g), chunks_(bfloat16_weight_chunks(g)) {
  const int64_t floats = planes_.plane_count() * planes_.channels() + outputs();
  band_blocks_ =
      std::clamp(kBlockBandFloats / (floats * kBfloat16Block), kLeastBandBlocks, kMostBandBlocks);
  // Several images, if they fit.
  const int64_t image_blocks = divide_up(g.out_height * planes_.row_positions(), kBfloat16Block);
  band_parts_ = planes_.spans_images() ? 1 : std::max<int64_t>(1, band_blocks_ / image_blocks);
  bias_rows_ = std::max<int64_t>(1, kBiasFloats / (g.out_width * g.out_channels));
  arrange_slot();
}

template <class Item>
int64_t Bfloat16WeightGradient::reserve(int64_t count) {
  const int64_t offset = slot_floats_;
  slot_floats_ += runtime::round_up_to_line(
      divide_up(count * static_cast<int64_t>(sizeof(Item)), sizeof(float)));
  return offset;
}

void Bfloat16WeightGradient::arrange_slot() {
  const Conv2dGeometry& g = geometry_;
  const int64_t positions = band_blocks_ * kBfloat16Block, planes = planes_.plane_count();
  const int64_t part_positions = input_positions(divide_up(band_blocks_, band_parts_));
  const int64_t band_input = input_positions(0) * band_parts_ + positions;
  zeros_ = reserve<uint16_t>(zero_count());
  pixels_ = reserve<const uint16_t*>(planes * band_input);
  copies_ = reserve<uint16_t>(planes * band_parts_ * planes_.copied_elements(part_positions));
  parts_ = reserve<BandPart>(band_parts_);
  offsets_ = reserve<int64_t>(band_blocks_);
  shifts_ = reserve<int64_t>(2 * taps());
  input_ = reserve<float>(bfloat16_input_floats(planes * band_input, planes_.channels()));
  gradient_ = reserve<float>(bfloat16_gradient_floats(positions, outputs()));
  bias_ = reserve<float>(bias_rows_ * g.out_width * g.out_channels);
}

Bfloat16WeightGradient::Band Bfloat16WeightGradient::band_in(float* slot) const {
  Band band;
  band.zeros = reinterpret_cast<uint16_t*>(slot + zeros_);
  band.pixels = reinterpret_cast<const uint16_t**>(slot + pixels_);
  band.copies = reinterpret_cast<uint16_t*>(slot + copies_);
  band.parts = reinterpret_cast<BandPart*>(slot + parts_);
  band.offsets = reinterpret_cast<int64_t*>(slot + offsets_);
  band.shifts = reinterpret_cast<int64_t*>(slot + shifts_);
  band.sums_offsets = band.shifts + taps();
  band.input = slot + input_;
  band.gradient = slot + gradient_;
  std::fill_n(band.zeros, zero_count(), uint16_t{0});
  return band;
}

// Whether the gradient is the sums of the only chunk, in whole tiles.
bool Bfloat16WeightGradient::sums_in_place(const WeightGradientArguments& a) const {
  return chunks_.count() == 1 && !a.accumulate && planes_.channels() % kBfloat16Tile == 0 &&
         outputs() % kBfloat16Tile == 0;
}

RowRun Bfloat16WeightGradient::next_run(int64_t row, int64_t end) const {
  const int64_t rows = geometry_.out_height;
  return {row, planes_.spans_images() ? end - row : std::min(end - row, rows - row % rows)};
}

// Equal parts of a run, or several runs.
void Bfloat16WeightGradient::take_parts(Place& place, int64_t end, Band& band) const {
  band.part_count = band.blocks = 0;
  while (place.row < end && band.part_count < band_parts_) {
    const RowRun run = next_run(place.row, end);
    const int64_t all = divide_up(run.count * planes_.row_positions(), kBfloat16Block);
    const int64_t most = divide_up(all, divide_up(all, band_blocks_));
    const int64_t blocks = std::min(most, all - place.block);
    if (band.blocks + blocks > band_blocks_) break;
    band.parts[band.part_count++] = {run, place.block, blocks};
    band.blocks += blocks;
    place.block += blocks;
    if (place.block == all) place = {place.row + run.count};
  }
}

void Bfloat16WeightGradient::pack(const WeightGradientArguments& a, const Share& share,
                                  Band& band) const {
  const Bfloat16WeightKernels& kernel = *a.kernels->bfloat16_weight;
  const uint16_t* const x = bfloat16_of(a.x);
  const uint16_t* const grad_output = bfloat16_of(a.grad_output);
  int64_t block = 0, plane_positions = 0;
  for (int64_t i = 0; i < band.part_count; ++i) {
    const BandPart& part = band.parts[i];
    for (int64_t b = 0; b < part.blocks; ++b)
      band.offsets[block + b] = plane_positions + b * kBfloat16Block;
    planes_.list_gradients(grad_output, part.run, part.first_block * kBfloat16Block,
                           part.blocks * kBfloat16Block, band.zeros,
                           band.pixels + block * kBfloat16Block);
    block += part.blocks;
    plane_positions += input_positions(part.blocks);
  }
  kernel.pack_gradient({band.pixels, block * kBfloat16Block, share.group * outputs(), outputs()},
                       band.gradient);
  const uint16_t** pixels = band.pixels;
  uint16_t* copies = band.copies;
  for (int64_t plane = 0; plane < planes_.plane_count(); ++plane) {
    for (int64_t i = 0; i < band.part_count; ++i) {
      const BandPart& part = band.parts[i];
      const int64_t count = input_positions(part.blocks);
      planes_.list_pixels(x, part.run, plane, part.first_block * kBfloat16Block, count, band.zeros,
                          copies, pixels);
      pixels += count;
    }
  }
  band.input_positions = planes_.plane_count() * plane_positions;
  kernel.pack_input({band.pixels, band.input_positions,
                     share.group * planes_.channels() + share.first, share.last - share.first},
                    band.input);
  for (int64_t i = 0; i < taps(); ++i) {
    const WindowPlanes::Tap& tap = planes_.taps()[static_cast<std::size_t>(i)];
    band.shifts[i] = tap.plane * plane_positions + tap.shift;
  }
}

void Bfloat16WeightGradient::add_weights(const WeightGradientArguments& a,
                                         const Share& share) const {
  Band band = band_in(share.slot);
  const bool in_place = sums_in_place(a);
  Bfloat16WeightBand arguments = {};
  arguments.channels = share.last - share.first;
  arguments.columns = outputs();
  arguments.sums_step = in_place ? geometry_.out_channels : with_tile_padding(outputs());
  arguments.sums = in_place ? a.grad_weight + share.group * outputs()
                            : a.scratch + share.chunk * chunk_floats() + share.group * group_sums();
  arguments.sums += share.first * arguments.sums_step;
  arguments.first = true;
  const int64_t tap_step = in_place ? planes_.channels() * geometry_.out_channels : tap_sums();
  for (int64_t i = 0; i < taps(); ++i)
    band.sums_offsets[i] = planes_.taps()[static_cast<std::size_t>(i)].number * tap_step;
  const int64_t end = chunks_.first_row(share.chunk + 1);
  for (Place place = {chunks_.first_row(share.chunk)}; place.row < end;) {
    take_parts(place, end, band);
    pack(a, share, band);
    arguments.input = band.input;
    arguments.gradient = band.gradient;
    arguments.input_positions = band.input_positions;
    arguments.offsets = band.offsets;
    arguments.blocks = band.blocks;
    arguments.shifts = band.shifts;
    arguments.sums_offsets = band.sums_offsets;
    arguments.taps = taps();
    a.kernels->bfloat16_weight->add(arguments);
    arguments.first = false;
  }
}

// The sums of the float32 layer, of widened rows.
void Bfloat16WeightGradient::add_biases(const WeightGradientArguments& a,
                                        const Share& share) const {
  const Conv2dGeometry& g = geometry_;
  const uint16_t* const grad_output = bfloat16_of(a.grad_output);
  const auto widen = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).widen;
  float* const sums = a.scratch + share.chunk * chunk_floats() + weight_sums();
  std::fill_n(sums, bias_sums_floats(g.out_channels), 0.0f);
  const int64_t end = chunks_.first_row(share.chunk + 1);
  const int64_t row_elements = g.out_width * g.out_channels;
  for (int64_t row = chunks_.first_row(share.chunk); row < end; row += bias_rows_) {
    const int64_t rows = std::min(bias_rows_, end - row);
    widen(grad_output + row * row_elements, rows * row_elements, share.slot + bias_);
    a.kernels->conv2d->add_bias_gradient(share.slot + bias_, rows, g.out_width, g.out_channels,
                                         sums);
  }
}

void Bfloat16WeightGradient::run(const WeightGradientArguments& a) const {
  const Conv2dGeometry& g = geometry_;
  if (g.batch == 0) {
    if (a.grad_weight && !a.accumulate)
      std::fill_n(a.grad_weight, taps() * planes_.channels() * g.out_channels, 0.0f);
    if (a.grad_bias && !a.accumulate) std::fill_n(a.grad_bias, g.out_channels, 0.0f);
    return;
  }
  float* const slots = a.scratch + chunks_.count() * chunk_floats();
  // Threads divide the channels of each chunk and group if there are more threads than these, or
  // if they alone could not be shared evenly.
  const int64_t wholes = chunks_.count() * g.groups, least_parts = divide_up(a.threads, wholes);
  const int64_t units = divide_up(planes_.channels(), kShareChannels);
  const bool even = wholes * least_parts % a.threads == 0;
  const int64_t parts = std::clamp<int64_t>(
      even ? least_parts : divide_up(kWeightShares * a.threads, wholes), 1, units);
  const int64_t products = g.batch * g.out_height * g.out_width * taps() * planes_.channels() *
                           outputs() / chunks_.count() / parts;
  const int64_t grain = kGrainProducts / std::max<int64_t>(1, products) + 1;
  runtime::parallel_for(
      a.threads, wholes * parts, grain, [&](int64_t begin, int64_t end, int slot) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t whole = i / parts, part = i % parts, group = whole % g.groups;
          const Share share = {
              whole / g.groups,
              group,
              units * part / parts * kShareChannels,
              std::min(planes_.channels(), units * (part + 1) / parts * kShareChannels),
              a.grad_bias && part == 0 && group == 0,
              slots + slot * slot_floats_};
          if (a.grad_weight) add_weights(a, share);
          if (share.with_bias) add_biases(a, share);
        }
      });
  reduce(a);
}

void Bfloat16WeightGradient::reduce(const WeightGradientArguments& a) const {
  const Conv2dGeometry& g = geometry_;
  if (a.grad_weight && !sums_in_place(a)) {
    const int64_t rows = taps() * planes_.channels();
    const int64_t grain = runtime::kGrainElements / (chunks_.count() * outputs()) + 1;
    runtime::parallel_for(a.threads, g.groups * rows, grain, [&](int64_t begin, int64_t end, int) {
      while (begin < end) {
        const int64_t group = begin / rows, first = begin % rows;
        const int64_t last = std::min(rows, first + end - begin);
        const Bfloat16WeightSums sums = {a.scratch + group * group_sums(),
                                         chunks_.count(),
                                         chunk_floats(),
                                         planes_.channels(),
                                         outputs(),
                                         g.out_channels};
        a.kernels->bfloat16_weight->reduce(sums, first, last, a.accumulate,
                                           a.grad_weight + group * outputs());
        begin += last - first;
      }
    });
  }
  if (a.grad_bias) {
    a.kernels->conv2d->reduce_bias_gradient(a.scratch + weight_sums(), chunks_.count(),
                                            chunk_floats(), g.out_channels, a.accumulate,
                                            a.grad_bias);
  }
}

}  // namespace

GradientChunks bfloat16_weight_chunks(const Conv2dGeometry& g) {
  const int64_t weights =
      g.kernel_size.height * g.kernel_size.width * g.in_channels / g.groups * g.out_channels;
  return GradientChunks(g, weights, kLeastWeightPixels, kMostChunkFloats);
}

std::unique_ptr<const Conv2dWeightGradient> make_bfloat16_weight_gradient(
    const Conv2dGeometry& geometry) {
  return std::make_unique<Bfloat16WeightGradient>(geometry);
}

}  // namespace cnnx::ops
