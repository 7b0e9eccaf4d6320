// Computes augmented masks position by position: the nearest position of the original mask.
#include "data/augment_masks.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "cnnx/runtime.h"
#include "data/augmentation.h"
#include "data/border.h"
#include "runtime/parallel.h"
#include "runtime/sizes.h"

namespace cnnx {
namespace data {
namespace {

// The least number of positions for another thread.
constexpr int64_t kGrainOfMasks = 8 * 1024;

// An axis of an image and of its mask.
struct Axis {
  Axis(int64_t all_pixels, int64_t all_positions)
      : pixels(all_pixels), positions(all_positions), stride(all_pixels / all_positions) {}
  int64_t pixels, positions, stride;  // stride: pixels of a position
  // The centre of a position, and a place inside the image, in halves of a pixel: a position of
  // two pixels has its centre between them.
  int64_t centre(int64_t position) const { return (2 * position + 1) * stride - 1; }
  int64_t position(int64_t half_pixels) const { return (half_pixels + 1) / (2 * stride); }
  // Half pixels inside the image, or -1 for none.
  int64_t inside_halves(int64_t half_pixels, Augmentation::Border border) const {
    return inside(half_pixels, 2 * pixels - 1, border);
  }
};

template <class Value>
class MaskAugmenter {
 public:
  MaskAugmenter(const MaskShapes& shapes, const EpochChanges& changes, const Value* beyond,
                int slots)
      : shapes_(shapes),
        changes_(changes),
        beyond_(beyond),
        rows_(shapes.image[0], shapes.mask[0]),
        columns_(shapes.image[1], shapes.mask[1]),
        half_columns_(runtime::checked_size<int64_t>(slots * columns_.positions)) {}

  void make(const Value* mask, int64_t row_number, int slot, Value* out) {
    const Augmentation& a = changes_.augmentation;
    const ImageChange change = draw_change(a, shapes_.image, changes_.seed, changes_.epoch,
                                           changes_.first_image + row_number);
    int64_t* half_columns = half_columns_.data() + slot * columns_.positions;
    for (int64_t x = 0; x < columns_.positions; ++x) {
      const int64_t halves =
          columns_.inside_halves(columns_.centre(x) + 2 * change.right, a.border);
      half_columns[x] = change.flip && halves >= 0 ? 2 * (columns_.pixels - 1) - halves : halves;
    }
    for (int64_t y = 0; y < rows_.positions; ++y) {
      const int64_t half_row = rows_.inside_halves(rows_.centre(y) + 2 * change.down, a.border);
      for (int64_t x = 0; x < columns_.positions; ++x, out += values()) {
        const Value* from = source(change.map, half_row, half_columns[x], mask);
        std::copy_n(from ? from : beyond_, values(), out);
      }
    }
  }

 private:
  int64_t values() const { return shapes_.mask[2]; }

  // Null: beyond the edges.
  const Value* source(const AffineMap& map, int64_t half_row, int64_t half_column,
                      const Value* mask) const {
    if (half_row < 0 || half_column < 0) return nullptr;
    int64_t row = rows_.position(half_row), column = columns_.position(half_column);
    if (has_affine(changes_.augmentation)) {
      const float y = 0.5f * static_cast<float>(half_row);
      const float x = 0.5f * static_cast<float>(half_column);
      row = nearest(rows_, map.row_of_column * x + (map.row_of_row * y + map.row_offset));
      column =
          nearest(columns_, map.column_of_column * x + (map.column_of_row * y + map.column_offset));
      if (row < 0 || column < 0) return nullptr;
    }
    return mask + (row * columns_.positions + column) * values();
  }

  // The position of the pixel nearest to a place, or -1.
  int64_t nearest(const Axis& axis, float place) const {
    const int64_t pixel = inside(floor_of(place + 0.5f), axis.pixels, changes_.augmentation.border);
    return pixel < 0 ? -1 : pixel / axis.stride;
  }

  const MaskShapes& shapes_;
  const EpochChanges& changes_;
  const Value* beyond_;
  Axis rows_, columns_;
  std::vector<int64_t> half_columns_;  // of one mask per slot
};

template <class Value>
void gather(const Value* masks, const int64_t* rows, int64_t count, const MaskShapes& shapes,
            const EpochChanges& changes, const Value* beyond, int threads, Value* out) {
  const int64_t grain = kGrainOfMasks / (shapes.mask[0] * shapes.mask[1]) + 1;
  const int slots = runtime::slot_count(threads, count, grain);
  MaskAugmenter<Value> augmenter(shapes, changes, beyond, slots);
  runtime::parallel_for(slots, count, grain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i)
      augmenter.make(masks + rows[i] * shapes.step, rows[i], slot, out + i * shapes.step);
  });
}

}  // namespace

void check_masks(const MaskShapes& shapes) {
  for (const std::size_t axis : {0u, 1u}) {
    const int64_t pixels = shapes.image[axis], positions = shapes.mask[axis];
    if (positions < 1 || pixels % positions != 0) {
      throw std::invalid_argument(
          "augmentation: the images have " + std::to_string(shapes.image[0]) + " x " +
          std::to_string(shapes.image[1]) + " pixels and labels for " +
          std::to_string(shapes.mask[0]) + " x " + std::to_string(shapes.mask[1]) +
          " positions, expected a whole number of pixels for each position");
    }
  }
}

void gather_masks(const int64_t* masks, const int64_t* rows, int64_t count,
                  const MaskShapes& shapes, const EpochChanges& changes, const int64_t* beyond,
                  int threads, int64_t* out) {
  gather(masks, rows, count, shapes, changes, beyond, threads, out);
}

void gather_masks(const float* masks, const int64_t* rows, int64_t count, const MaskShapes& shapes,
                  const EpochChanges& changes, const float* beyond, int threads, float* out) {
  gather(masks, rows, count, shapes, changes, beyond, threads, out);
}

}  // namespace data

void augment_masks(const MaskBatch& masks, const Shape& image_shape,
                   const Augmentation& augmentation, uint64_t seed, uint64_t epoch, int64_t* out) {
  if (image_shape.size() != 2) {
    throw std::invalid_argument("augment_masks: image_shape is " + to_string(image_shape) +
                                ", expected (height, width)");
  }
  if (masks.count < 0 || (masks.count > 0 && !masks.labels)) {
    throw std::invalid_argument("augment_masks: there are " + std::to_string(masks.count) +
                                " masks at " + (masks.labels ? "an address" : "a null pointer") +
                                ", expected labels of 0 or more");
  }
  const data::MaskShapes shapes{{image_shape[0], image_shape[1], 1},
                                {masks.height, masks.width, 1},
                                masks.height * masks.width};
  data::check_epoch("augment_masks", epoch);
  data::check_augmentation(augmentation, shapes.image);
  data::check_masks(shapes);
  std::vector<int64_t> rows(runtime::checked_size<int64_t>(masks.count));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  data::gather_masks(masks.labels, rows.data(), masks.count, shapes, {augmentation, seed, epoch},
                     &masks.beyond, get_num_threads(), out);
}

}  // namespace cnnx
