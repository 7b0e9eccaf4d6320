// Computes augmented images row by row: the source positions of its pixels, their levels, the
// normalisation.
#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "cnnx/runtime.h"
#include "data/augmentation.h"
#include "data/border.h"
#include "data/image.h"
#include "data/pixels.h"
#include "runtime/floating_point.h"
#include "runtime/parallel.h"
#include "runtime/sizes.h"

namespace cnnx {
namespace data {
namespace {

// The least number of values for another thread.
constexpr int64_t kGrainOfImages = 8 * 1024;

// kChannels: 1 and 3 are loops that the compiler unrolls, 0 is any number.
template <class Pixel, int kChannels>
class Image {
 public:
  Image(const Pixel* pixels, const Shape& shape, Augmentation::Border border)
      : pixels_(pixels),
        height_(shape[0]),
        width_(shape[1]),
        channels_(shape[2]),
        border_(border) {}

  // out[x] = pixel (row, columns[x]); -1 is black.
  void copy_row(int64_t row, const int32_t* columns, float* out) const {
    for (int64_t x = 0; x < width_; ++x) {
      const Pixel* pixel = at(row, columns[x]);
      for (int64_t k = 0; k < channels(); ++k) *out++ = pixel ? static_cast<float>(pixel[k]) : 0.0f;
    }
  }

  // out[x] = pixel (row, columns[x]) of the affinely transformed image.
  void sample_row(const AffineMap& map, int64_t row, const int32_t* columns, float* out) const {
    const float y = static_cast<float>(row);
    const float first_column = map.column_of_row * y + map.column_offset;
    const float first_row = map.row_of_row * y + map.row_offset;
    for (int64_t x = 0; x < width_; ++x, out += channels()) {
      if (row < 0 || columns[x] < 0) {
        std::fill_n(out, channels(), 0.0f);
        continue;
      }
      const float column = static_cast<float>(columns[x]);
      sample(map.row_of_column * column + first_row, map.column_of_column * column + first_column,
             out);
    }
  }

  // The mean of all values, in memory order.
  double mean() const {
    using Sum = std::conditional_t<std::is_integral_v<Pixel>, int64_t, double>;
    const int64_t count = height_ * width_ * channels();
    const Sum sum = std::accumulate(pixels_, pixels_ + count, Sum{0});
    return static_cast<double>(sum) / static_cast<double>(count);
  }

  // Whether all values are from 0 to `most`.
  bool is_between(float most) const {
    return std::all_of(pixels_, pixels_ + height_ * width_ * channels(), [&](Pixel value) {
      return !(static_cast<float>(value) < 0.0f || static_cast<float>(value) > most);
    });
  }

 private:
  int64_t channels() const { return kChannels ? kChannels : channels_; }

  const Pixel* at(int64_t row, int64_t column) const {
    if (row < 0 || column < 0) return nullptr;
    return pixels_ + (row * width_ + column) * channels();
  }

  void sample(float row, float column, float* out) const {
    const int32_t top = floor_of(row), left = floor_of(column);
    const float down = row - static_cast<float>(top), along = column - static_cast<float>(left);
    if (top >= 0 && left >= 0 && top + 1 < height_ && left + 1 < width_) {
      const Pixel* first = at(top, left);
      const Pixel* second = first + width_ * channels();
      for (int64_t k = 0; k < channels(); ++k) {
        out[k] =
            blend(first[k], first[k + channels()], second[k], second[k + channels()], along, down);
      }
      return;
    }
    const int64_t rows[] = {inside(top, height_, border_), inside(top + 1, height_, border_)};
    const int64_t columns[] = {inside(left, width_, border_), inside(left + 1, width_, border_)};
    const auto level = [](const Pixel* pixel, int64_t k) { return pixel ? pixel[k] : Pixel{0}; };
    for (int64_t k = 0; k < channels(); ++k) {
      out[k] =
          blend(level(at(rows[0], columns[0]), k), level(at(rows[0], columns[1]), k),
                level(at(rows[1], columns[0]), k), level(at(rows[1], columns[1]), k), along, down);
    }
  }

  static float blend(Pixel top_left, Pixel top_right, Pixel bottom_left, Pixel bottom_right,
                     float along, float down) {
    const float top = between(top_left, top_right, along);
    const float bottom = between(bottom_left, bottom_right, along);
    return top + down * (bottom - top);
  }
  static float between(Pixel first, Pixel second, float along) {
    const float from = static_cast<float>(first);
    return from + along * (static_cast<float>(second) - from);
  }

  const Pixel* pixels_;
  int64_t height_, width_, channels_;
  Augmentation::Border border_;
};

// White in floats: 255 if mean or std are in units of 0 to 255, which those of 0 to 1 never exceed.
float white_of(const Preprocessing& preprocessing) {
  const auto exceeds = [](float value) { return std::abs(value) > 1.0f; };
  const auto any = [&](const std::vector<float>& values) {
    return std::any_of(values.begin(), values.end(), exceeds);
  };
  return any(preprocessing.mean) || any(preprocessing.std) ? 255.0f : 1.0f;
}

class Augmenter {
 public:
  Augmenter(const Shape& shape, const Preprocessing& preprocessing, const EpochChanges& changes,
            bool divide_by_255, int slots)
      : shape_(shape),
        changes_(changes),
        divide_(divide_by_255),
        white_(divide_by_255 ? 1.0f : white_of(preprocessing)),
        row_values_(shape[1] * shape[2]),
        columns_(runtime::checked_size(slots * shape[1])) {
    // One entry per value of a row, so that loops over it are independent of the channels.
    for (int64_t i = 0; i < row_values_; ++i) {
      const auto of = [&](const std::vector<float>& values) {
        return values[values.size() == 1 ? 0 : static_cast<size_t>(i % shape[2])];
      };
      mean_.push_back(of(preprocessing.mean));
      deviation_.push_back(of(preprocessing.std));
    }
  }

  template <class Pixel, int kChannels>
  void make(const Pixel* pixels, int64_t row_number, int slot, float* out) {
    const Augmentation& a = changes_.augmentation;
    const int64_t height = shape_[0], width = shape_[1];
    const Image<Pixel, kChannels> image(pixels, shape_, a.border);
    const ImageChange change =
        draw_change(a, shape_, changes_.seed, changes_.epoch, changes_.first_image + row_number);
    Colours colours;
    if (a.contrast != 0) colours.mean = static_cast<float>(image.mean());
    if (divide_) colours.mean = colours.mean / 255.0f;
    if (has_colour(a) && (divide_ || image.is_between(white_))) colours = {colours.mean, 0, white_};
    int32_t* columns = columns_.data() + slot * width;
    for (int64_t x = 0; x < width; ++x) {
      const int64_t column = inside(x + change.right, width, a.border);
      columns[x] = static_cast<int32_t>(change.flip && column >= 0 ? width - 1 - column : column);
    }
    for (int64_t y = 0; y < height; ++y, out += row_values_) {
      const int64_t row = inside(y + change.down, height, a.border);
      if (has_affine(a)) {
        image.sample_row(change.map, row, columns, out);
      } else {
        image.copy_row(row, columns, out);
      }
      if (divide_) {
        for (int64_t i = 0; i < row_values_; ++i) out[i] = out[i] / 255.0f;
      }
      if (has_colour(a)) colour(change, colours, out);
      for (int64_t i = 0; i < row_values_; ++i)
        out[i] = (out[i] - mean_[static_cast<size_t>(i)]) / deviation_[static_cast<size_t>(i)];
      if (y >= change.cut_row && y < change.cut_row + a.cutout) {
        const int64_t first = std::max<int64_t>(0, change.cut_column);
        const int64_t end = std::min(width, change.cut_column + a.cutout);
        std::fill(out + first * shape_[2], out + std::max(first, end) * shape_[2], 0.0f);
      }
    }
  }

 private:
  // Of an image: the mean of its values, and the limits of changed ones.
  struct Colours {
    float mean = 0;
    float black = -std::numeric_limits<float>::infinity();
    float white = std::numeric_limits<float>::infinity();
  };

  void colour(const ImageChange& change, const Colours& c, float* out) const {
    for (int64_t i = 0; i < row_values_; ++i) {
      const float value = change.brightness * (c.mean + change.contrast * (out[i] - c.mean));
      // Written so that NaN passes.
      out[i] = value <= c.black ? c.black : value > c.white ? c.white : value;
    }
  }

  const Shape& shape_;
  const EpochChanges& changes_;
  bool divide_;
  float white_;
  int64_t row_values_;
  std::vector<float> mean_, deviation_;
  std::vector<int32_t> columns_;  // of one image per slot
};

template <class Pixel>
void gather(const ImageBatch& images, const int64_t* rows, int64_t count, const Shape& shape,
            const Preprocessing& preprocessing, const EpochChanges& changes, int threads,
            float* out) {
  const auto* const source = static_cast<const Pixel*>(images.pixels);
  const int64_t size = element_count(shape), grain = kGrainOfImages / size + 1;
  const int slots = runtime::slot_count(threads, count, grain);
  Augmenter augmenter(shape, preprocessing, changes, divides_by_255(images), slots);
  runtime::parallel_for(slots, count, grain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) {
      const Pixel* pixels = source + rows[i] * size;
      float* target = out + i * size;
      if (shape[2] == 1) {
        augmenter.make<Pixel, 1>(pixels, rows[i], slot, target);
      } else if (shape[2] == 3) {
        augmenter.make<Pixel, 3>(pixels, rows[i], slot, target);
      } else {
        augmenter.make<Pixel, 0>(pixels, rows[i], slot, target);
      }
    }
  });
}

}  // namespace

void gather_augmented(const ImageBatch& images, const int64_t* rows, int64_t count,
                      const Shape& shape, const Preprocessing& preprocessing,
                      const EpochChanges& changes, int threads, float* out) {
  if (images.type == PixelType::uint8) {
    gather<uint8_t>(images, rows, count, shape, preprocessing, changes, threads, out);
  } else {
    gather<float>(images, rows, count, shape, preprocessing, changes, threads, out);
  }
}

}  // namespace data

void augment_images(const ImageBatch& images, const Shape& shape,
                    const Preprocessing& preprocessing, const Augmentation& augmentation,
                    uint64_t seed, uint64_t epoch, float* out) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  data::check_images(images, "augment_images");
  data::check_epoch("augment_images", epoch);
  if (shape.size() != 3) {
    throw std::invalid_argument("augment_images: shape is " + to_string(shape) +
                                ", expected (height, width, channels)");
  }
  data::check_augmentation(augmentation, shape);
  validate(preprocessing, shape[2]);
  std::vector<int64_t> rows(runtime::checked_size<int64_t>(images.count));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  data::gather_augmented(images, rows.data(), images.count, shape, preprocessing,
                         {augmentation, seed, epoch}, get_num_threads(), out);
}

}  // namespace cnnx
