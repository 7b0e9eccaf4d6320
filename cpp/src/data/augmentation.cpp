// Checks the settings of an augmentation and draws the changes of an image.
#include "data/augmentation.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cnnx/shape.h"
#include "runtime/check_settings.h"
#include "runtime/elementary.h"
#include "runtime/philox.h"

namespace cnnx {
namespace data {
namespace {

constexpr float kRadians = 0.0174532925f;

// Each has its own index among an image's random numbers, so that one setting does not change the
// numbers of another.
enum Draw : uint64_t {
  kFlip,
  kCropRow,
  kCropColumn,
  kAngle,
  kScale,
  kShiftRow,
  kShiftColumn,
  kContrast,
  kBrightness,
  kCutRow,
  kCutColumn,
  kMostDraws = 16
};

float uniform(const runtime::Philox& random, int64_t row, Draw draw) {
  return random.uniform(static_cast<uint64_t>(row) * kMostDraws + draw);
}

}  // namespace

void check_epoch(const char* function, uint64_t epoch) {
  if (epoch < runtime::kPhiloxSteps) return;
  throw std::invalid_argument(std::string(function) + ": epoch is " + std::to_string(epoch) +
                              ", expected less than 2^48");
}

void check_augmentation(const Augmentation& augmentation, const Shape& shape) {
  validate(augmentation);
  if (std::min({shape[0], shape[1], shape[2]}) < 1) {
    throw std::invalid_argument("augmentation: the images have shape " + to_string(shape) +
                                ", expected sides and channels of at least 1");
  }
  const auto check_below = [&](const char* name, int64_t value, int64_t limit, const char* sides) {
    if (value < limit) return;
    runtime::refuse_setting("augmentation: ", name, runtime::in_words(value),
                            "less than the " + std::string(sides) + " of the images, " +
                                std::to_string(shape[0]) + " x " + std::to_string(shape[1]));
  };
  const auto [shorter, longer] = std::minmax(shape[0], shape[1]);
  check_below("crop_padding", augmentation.crop_padding, shorter, "sides");
  check_below("cutout", augmentation.cutout, longer, "longer side");  // most images would be blank
}

ImageChange draw_change(const Augmentation& augmentation, const Shape& shape, uint64_t seed,
                        uint64_t epoch, int64_t row) {
  const Augmentation& a = augmentation;
  const runtime::Philox random(seed, runtime::Stream::augmentation, epoch);
  const auto between = [&](Draw draw, float low, float high) {
    return low + (high - low) * uniform(random, row, draw);
  };
  // 0 to count - 1.
  const auto below = [&](Draw draw, int64_t count) {
    const float place = static_cast<float>(count) * uniform(random, row, draw);
    return std::min(count - 1, static_cast<int64_t>(place));
  };
  ImageChange change{};

  const float angle = between(kAngle, -a.rotate, a.rotate) * kRadians;
  const float scale = between(kScale, a.scale_low, a.scale_high);
  const float cosine = runtime::cos(angle) / scale, sine = runtime::sin(angle) / scale;
  const float middle_row = 0.5f * static_cast<float>(shape[0] - 1);
  const float middle_column = 0.5f * static_cast<float>(shape[1] - 1);
  const float from_row = middle_row + between(kShiftRow, -a.shift, a.shift);
  const float from_column = middle_column + between(kShiftColumn, -a.shift, a.shift);
  change.map = {cosine, sine,   middle_column - cosine * from_column - sine * from_row,
                -sine,  cosine, middle_row + sine * from_column - cosine * from_row};

  const bool heads = uniform(random, row, kFlip) < 0.5f;
  if (a.flip == Augmentation::Flip::random) change.flip = heads;
  if (a.flip == Augmentation::Flip::alternating) {
    const runtime::Philox first(seed, runtime::Stream::augmentation, 0);
    change.flip = (uniform(first, row, kFlip) < 0.5f) != (epoch % 2 == 1);
  }
  change.down = below(kCropRow, 2 * a.crop_padding + 1) - a.crop_padding;
  change.right = below(kCropColumn, 2 * a.crop_padding + 1) - a.crop_padding;
  change.contrast = between(kContrast, 1 - a.contrast, 1 + a.contrast);
  change.brightness = between(kBrightness, 1 - a.brightness, 1 + a.brightness);
  change.cut_row = below(kCutRow, shape[0]) - a.cutout / 2;
  change.cut_column = below(kCutColumn, shape[1]) - a.cutout / 2;
  return change;
}

}  // namespace data

void validate(const Augmentation& augmentation) {
  runtime::check_settings("augmentation: ", augmentation);
  if (augmentation.scale_low > augmentation.scale_high) {
    runtime::refuse_setting("augmentation: ", "scale's first",
                            runtime::in_words(augmentation.scale_low), "the smaller factor");
  }
}

bool is_identity(const Augmentation& augmentation) {
  const Augmentation& a = augmentation;
  return !data::moves_pixels(a) && !data::has_colour(a) && a.cutout == 0 && a.mixup == 0;
}

}  // namespace cnnx
