// Bands of rows, copied with their padding unless a window is one pixel, times panels of weights.
#include "ops/conv2d_bfloat16.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "kernels/bfloat16_arrays.h"
#include "kernels/bfloat16_product.h"
#include "ops/bfloat16.h"
#include "ops/product_shares.h"
#include "ops/quantized_rows.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// A band's copied rows stay in a second-level cache, beside the weights.
constexpr int64_t kBfloat16BandBytes = 128 * 1024;
// Larger weights are read from memory for every few bands alone, so many panels at a time.
constexpr int64_t kLargeWeightBytes = 1024 * 1024, kPanelsAtOnceBytes = 512 * 1024;
constexpr int64_t kMostBandsAtOnce = 8, kBandsAtOnceBytes = 512 * 1024;
constexpr int64_t kBytesOfWord = 2, kFloatsOfOffset = 2;

const Bfloat16ProductKernels& product_kernels() {
  return CNNX_BFLOAT16_TILE_KERNELS(bfloat16_product_kernels);
}

// The phases of an axis, and those of the pixels outside every tap, which have no taps.
std::vector<Phase> every_phase(std::vector<Phase> phases, int64_t step, int64_t size) {
  for (int64_t first = 0; first < std::min(step, size); ++first) {
    const bool exists = std::any_of(phases.begin(), phases.end(),
                                    [&](const Phase& phase) { return phase.first == first; });
    if (!exists) phases.push_back({first, (size - 1 - first) / step + 1, {0, 1, 0, 1}, 0, 1});
  }
  return phases;
}

// The places of the source that the first windows of all phases read.
struct PlaceSpan {
  int64_t first = 0, end = 0;

  explicit PlaceSpan(const std::vector<Phase>& phases) {
    for (const Phase& phase : phases) {
      const WindowAxis& window = phase.window;
      if (window.taps == 0) continue;
      const int64_t last = window.origin + (window.taps - 1) * window.dilation;
      first = end == first ? window.origin : std::min(first, window.origin);
      end = std::max(end, last + 1);
    }
  }
};

// Pixels with the same taps: a phase of each axis, and its part of the packed weights.
struct PhasePair {
  Phase vertical, horizontal;
  int64_t run_count, run_taps;
  std::vector<int64_t> taps;  // offsets in the weights
  int64_t packed = 0;

  PhasePair(const PassGeometry& g, const Phase& v, const Phase& h)
      : vertical(v), horizontal(h), run_count(0), run_taps(0) {
    if (v.window.taps == 0 || h.window.taps == 0) return;
    run_taps = h.window.dilation == 1 ? h.window.taps : 1;
    run_count = v.window.taps * h.window.taps / run_taps;
    for (int64_t i = 0; i < v.window.taps; ++i) {
      for (int64_t j = 0; j < h.window.taps; ++j) {
        const int64_t row = v.kernel_first + i * v.kernel_step;
        const int64_t column = h.kernel_first + j * h.kernel_step;
        taps.push_back((row * g.kernel_size.width + column) * g.tap_floats());
      }
    }
  }
};

std::vector<PhasePair> parts_of(const PassGeometry& g) {
  std::vector<PhasePair> parts;
  for (const Phase& v : every_phase(g.vertical, g.step.height, g.target_height)) {
    for (const Phase& h : every_phase(g.horizontal, g.step.width, g.target_width))
      parts.emplace_back(g, v, h);
  }
  return parts;
}

bool reads_every_pixel(const Phase& phase, int64_t size) {
  const WindowAxis& window = phase.window;
  return window.taps == 0 ||
         (window.taps == 1 && window.origin == 0 && window.stride == 1 && phase.count == size);
}

// The copied rows as those of a convolution whose kernel spans the windows of all phases.
Conv2dGeometry copied_rows(const PassGeometry& g, const PlaceSpan& vertical,
                           const PlaceSpan& horizontal) {
  Conv2dGeometry rows;
  rows.in_height = g.source_height;
  rows.in_width = g.source_width;
  rows.in_channels = g.source_channels;
  rows.kernel_size = {vertical.end - vertical.first, horizontal.end - horizontal.first};
  rows.top = -vertical.first;
  rows.left = -horizontal.first;
  rows.out_width = 1;
  for (const Phase& phase : g.vertical) rows.stride.height = phase.window.stride;
  for (const Phase& phase : g.horizontal) {
    rows.stride.width = phase.window.stride;
    rows.out_width = std::max(rows.out_width, phase.count);
  }
  return rows;
}

class Bfloat16Convolution final : public Conv2dPass {
 public:
  Bfloat16Convolution(const PassGeometry& geometry, TargetType target);

  int64_t packed_floats() const override { return packed_floats_; }
  void pack_weights(const float* weight, int threads, float* packed) const override;
  int64_t scratch_floats(int threads) const override { return threads * slot_floats(); }
  void run(const float* source, const float* weight, const float* packed, const Epilogue& epilogue,
           int threads, float* scratch, float* target) const override;
  bool adds() const override { return true; }

 private:
  struct Call {
    const uint16_t* source;
    const float* packed;
    const Epilogue& epilogue;
    float* target;
  };
  // Rows of each phase of an image, and their copy.
  struct Band {
    int64_t image, first, last;
    uint16_t* rows;
    bool reads_beyond;  // Bfloat16Product's
  };
  // Panels of weights, and a thread's memory for the offsets of runs.
  struct Share {
    int64_t first_panel, last_panel;
    int64_t* runs;
  };

  int64_t panels() const { return divide_up(g_.target_channels, product_kernels().panel_columns); }
  int64_t multiply_adds() const { return g_.batch * g_.image_multiply_adds() / kProductsAtOnce; }
  int64_t phase_rows() const { return divide_up(g_.target_height, g_.step.height); }
  int64_t band_rows() const;
  int64_t runs_floats() const { return runtime::round_up_to_line(kFloatsOfOffset * most_runs_); }
  int64_t copied_floats() const {
    const int64_t words = reads_in_place_ ? 0 : copy_.bytes(band_rows()) / kBytesOfWord;
    return runtime::round_up_to_line(floats_of_bfloat16(words + elements_beyond_));
  }
  // Bands that use some panels of large weights one after the other.
  int64_t bands_at_once() const {
    if (kBytesOfWord * g_.weight_floats() < kLargeWeightBytes) return 1;
    const int64_t bytes = copied_floats() * static_cast<int64_t>(sizeof(float)) + 1;
    return std::clamp<int64_t>(kBandsAtOnceBytes / bytes, 1, kMostBandsAtOnce);
  }
  int64_t panels_at_once() const {
    if (bands_at_once() == 1) return panels();
    const int64_t panel_bytes = kBytesOfWord * g_.weight_floats() / panels() + 1;
    return std::max<int64_t>(kPanelsAtOnceBytes / panel_bytes, 1);
  }
  int64_t slot_floats() const { return runs_floats() + bands_at_once() * copied_floats(); }
  Bfloat16Product product_of(const Call& call, const PhasePair& part, int64_t target_element) const;
  const uint16_t* image_of(const Call& call, const Band& band) const {
    return call.source + band.image * g_.source_floats();
  }
  void copy_band(const Call& call, Band& band) const;
  void multiply_band(const Call& call, const Band& band, const Share& share) const;
  ProductShares shares(int64_t parts) const;
  void run_bands(const Call& call, int threads, float* scratch) const;
  void run_columns(const Call& call, int threads) const;

  PassGeometry g_;
  TargetType target_;
  std::vector<PhasePair> parts_;
  PlaceSpan vertical_, horizontal_;
  RowCopy copy_;
  bool reads_in_place_;
  int64_t packed_floats_ = 0, most_runs_ = 0, elements_beyond_ = 0;
};

Bfloat16Convolution::Bfloat16Convolution(const PassGeometry& geometry, TargetType target)
    : g_(geometry),
      target_(target),
      parts_(parts_of(g_)),
      vertical_(g_.vertical),
      horizontal_(g_.horizontal),
      copy_(copied_rows(g_, vertical_, horizontal_), kBytesOfWord),
      reads_in_place_(std::all_of(parts_.begin(), parts_.end(), [&](const PhasePair& part) {
        return reads_every_pixel(part.vertical, g_.source_height) &&
               reads_every_pixel(part.horizontal, g_.source_width);
      })) {
  for (PhasePair& part : parts_) {
    const int64_t run_length = part.run_taps * g_.source_channels;
    part.packed = packed_floats_;
    packed_floats_ += runtime::round_up_to_line(
        product_kernels().packed_floats(part.run_count, run_length, g_.target_channels));
    most_runs_ = std::max(most_runs_, part.run_count);
    if (!reads_in_place_)
      elements_beyond_ = std::max(elements_beyond_, product_kernels().elements_beyond(run_length));
  }
}

void Bfloat16Convolution::pack_weights(const float* weight, int threads, float* packed) const {
  for (const PhasePair& part : parts_) {
    const int64_t rows = part.run_count * part.run_taps * g_.source_channels;
    const Bfloat16Weights weights = {weight,
                                     part.taps.data(),
                                     part.run_count,
                                     part.run_taps,
                                     g_.source_channels,
                                     g_.target_channels,
                                     g_.flipped ? 1 : g_.target_channels,
                                     g_.flipped ? g_.source_channels : 1};
    const int64_t grain = kGrainPacked / (rows * product_kernels().panel_columns + 1) + 1;
    runtime::parallel_for(threads, panels(), grain, [&](int64_t begin, int64_t end, int) {
      product_kernels().pack(weights, begin, end, packed + part.packed);
    });
  }
}

// Rows of each phase that are computed from one copy.
int64_t Bfloat16Convolution::band_rows() const {
  const int64_t stride = g_.vertical.empty() ? 1 : g_.vertical.front().window.stride;
  const int64_t row_bytes = stride * g_.source_width * g_.source_channels +
                            g_.step.height * g_.target_width * g_.target_channels;
  const int64_t for_cache = kBfloat16BandBytes / (kBytesOfWord * row_bytes);
  const int64_t for_weights = divide_up(kLeastWindows, divide_up(g_.target_width, g_.step.width));
  return std::clamp<int64_t>(std::max(for_cache, for_weights), 1, phase_rows());
}

// Without its source, rows and panels; the first output is this element of the target.
Bfloat16Product Bfloat16Convolution::product_of(const Call& call, const PhasePair& part,
                                                int64_t target_element) const {
  const Epilogue& e = call.epilogue;
  const auto at = [&](const float* array) {
    return array ? bfloat16_of(array) + target_element : nullptr;
  };
  Bfloat16Product product = {};
  product.run_count = part.run_count;
  product.run_length = part.run_taps * g_.source_channels;
  product.columns = g_.target_channels;
  product.packed = call.packed + part.packed;
  Bfloat16Epilogue& epilogue = product.epilogue;
  epilogue.bias = e.bias;
  epilogue.addend = e.accumulate ? at(call.target) : at(e.addend);
  epilogue.relu = e.relu;
  epilogue.ceiling = e.ceiling;
  epilogue.relu_output = at(e.relu_output);
  if (target_ == TargetType::float32) {
    epilogue.float_output = call.target + target_element;
  } else {
    epilogue.output = bfloat16_of(call.target) + target_element;
  }
  epilogue.output_step = g_.step.width * g_.target_channels;
  epilogue.output_row_step = g_.step.height * g_.target_row_floats();
  return product;
}

void Bfloat16Convolution::copy_band(const Call& call, Band& band) const {
  if (reads_in_place_) return;
  copy_.copy(reinterpret_cast<const uint8_t*>(image_of(call, band)), band.first, band.last, 0,
             reinterpret_cast<uint8_t*>(band.rows));
  if (elements_beyond_ == 0) return;
  const int64_t words = copy_.bytes(band.last - band.first) / kBytesOfWord;
  std::fill_n(band.rows + words, elements_beyond_, uint16_t{0});
  band.reads_beyond = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).all_finite(band.rows, words);
}

void Bfloat16Convolution::multiply_band(const Call& call, const Band& band,
                                        const Share& share) const {
  int64_t* const runs = share.runs;
  const int64_t channels = g_.source_channels;
  for (const PhasePair& part : parts_) {
    const Phase &v = part.vertical, &h = part.horizontal;
    const int64_t last = std::min(band.last, v.count);
    if (last <= band.first || h.count == 0) continue;
    const int64_t row = band.image * g_.target_height + v.first + band.first * g_.step.height;
    Bfloat16Product product =
        product_of(call, part, (row * g_.target_width + h.first) * g_.target_channels);
    product.runs = runs;
    product.row_windows = product.row_outputs = h.count;
    product.window_step = h.window.stride * channels;
    product.source = image_of(call, band) + band.first * g_.source_width * channels;
    if (reads_in_place_) {
      runs[0] = 0;
    } else if (part.run_count > 0) {
      const int64_t per_row = part.run_count / v.window.taps;
      for (int64_t run = 0; run < part.run_count; ++run) {
        const int64_t place = v.window.origin - vertical_.first + run / per_row * v.window.dilation;
        const int64_t column =
            h.window.origin - horizontal_.first + run % per_row * h.window.dilation;
        runs[run] = copy_.offset(place, band.last - band.first) / kBytesOfWord + column * channels;
      }
      product.source = band.rows;
      product.reads_beyond = band.reads_beyond;
      product.row_windows = copy_.row_windows();
    }
    product.windows = (last - band.first - 1) * product.row_windows + h.count;
    product.first_panel = share.first_panel;
    product.last_panel = share.last_panel;
    product_kernels().run(product);
  }
}

// Of so many parts of the images.
ProductShares Bfloat16Convolution::shares(int64_t parts) const {
  const int64_t images = g_.batch * (g_.source_floats() + g_.target_floats());
  return {parts, panels(), multiply_adds(), g_.weight_floats(), images};
}

// Bands of equal size, as many for each thread if there is one image.
void Bfloat16Convolution::run_bands(const Call& call, int threads, float* scratch) const {
  int64_t bands = divide_up(phase_rows(), band_rows());
  if (g_.batch == 1) bands = std::min(divide_up(bands, threads) * threads, phase_rows());
  const int64_t rows = divide_up(phase_rows(), bands);
  bands = divide_up(phase_rows(), rows);
  const auto run_some = [&](int64_t begin, int64_t end, int64_t first, int64_t last, float* slot) {
    std::array<Band, kMostBandsAtOnce> some;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i % bands * rows;
      Band& band = some[static_cast<std::size_t>(i - begin)];
      band = {i / bands, row, std::min(row + rows, phase_rows()),
              bfloat16_of(slot + runs_floats() + (i - begin) * copied_floats()), false};
      copy_band(call, band);
    }
    for (int64_t panel = first; panel < last; panel += panels_at_once()) {
      const Share share = {panel, std::min(panel + panels_at_once(), last),
                           reinterpret_cast<int64_t*>(slot)};
      for (int64_t i = begin; i < end; ++i)
        multiply_band(call, some[static_cast<std::size_t>(i - begin)], share);
    }
  };
  shares(g_.batch * bands)
      .for_each(threads, [&](int64_t begin, int64_t end, int64_t first, int64_t last, int slot) {
        for (int64_t band = begin; band < end; band += bands_at_once()) {
          run_some(band, std::min(band + bands_at_once(), end), first, last,
                   scratch + slot * slot_floats());
        }
      });
}

// A window is one pixel, and so is the target's part: the images are one row. All panels of some
// pixels at a time, so that these are read from a cache.
void Bfloat16Convolution::run_columns(const Call& call, int threads) const {
  constexpr int64_t kGroup = 64;
  static constexpr int64_t kRun = 0;
  const int64_t pixels = g_.batch * g_.source_height * g_.source_width;
  const int64_t bytes = kBytesOfWord * (g_.source_channels + g_.target_channels);
  const int64_t at_once = std::max(kLeastWindows, kBfloat16BandBytes / bytes / kGroup * kGroup);
  shares(divide_up(pixels, kGroup))
      .for_each(threads, [&](int64_t begin, int64_t end, int64_t first, int64_t last, int) {
        const int64_t last_pixel = std::min(end * kGroup, pixels);
        for (int64_t pixel = begin * kGroup; pixel < last_pixel; pixel += at_once) {
          Bfloat16Product product = product_of(call, parts_[0], pixel * g_.target_channels);
          product.source = call.source + pixel * g_.source_channels;
          product.window_step = g_.source_channels;
          product.runs = &kRun;
          product.windows = std::min(at_once, last_pixel - pixel);
          product.row_windows = product.row_outputs = product.windows;
          product.first_panel = first;
          product.last_panel = last;
          product_kernels().run(product);
        }
      });
}

void Bfloat16Convolution::run(const float* source, const float*, const float* packed,
                              const Epilogue& epilogue, int threads, float* scratch,
                              float* target) const {
  const Call call = {bfloat16_of(source), packed, epilogue, target};
  if (reads_in_place_ && parts_.size() == 1 && parts_[0].run_count == 1)
    return run_columns(call, threads);
  run_bands(call, threads, scratch);
}

}  // namespace

std::unique_ptr<const Conv2dPass> make_bfloat16_pass(const Conv2dGeometry& geometry,
                                                     PassDirection direction, TargetType target) {
  return std::make_unique<Bfloat16Convolution>(pass_geometry(geometry, direction), target);
}

}  // namespace cnnx::ops
