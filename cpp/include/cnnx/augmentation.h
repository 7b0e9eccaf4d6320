// Random augmentation of training images, different for each image and epoch.
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/image.h"
#include "cnnx/preprocessing.h"
#include "cnnx/shape.h"
#include "cnnx/training_settings.h"

namespace cnnx {

// The changes to an image, in this order. The defaults change nothing. "Uniform" values are drawn
// for each image and epoch.
//
// 1. affine: rotation about the centre by an angle uniform in [-rotate, rotate] degrees,
//    enlargement by a factor uniform in [scale_low, scale_high], and a shift of each axis uniform
//    in [-shift, shift] pixels, sampled bilinearly.
// 2. flip: left and right exchanged.
// 3. crop: crop_padding pixels are added on each side, and a window of the original size is cut out
//    at a uniform position. crop_padding = 2 moves the image by up to two whole pixels.
// 4. contrast and brightness: v = brightness * (m + contrast * (v - m)), clamped to [0, 1], or to
//    [0, 255] for floats if mean or std are above 1. An image with floats outside, such as a
//    standardised one, has no black and white and is not clamped. The factors are uniform in
//    [1 - x, 1 + x] for the setting x. m is the mean of all values of the image before any change.
// 5. normalisation, as in Preprocessing.
// 6. cutout: a square of that side, its centre uniform over the image, becomes 0, the mean of
//    normalised values (DeVries, Taylor, "Improved Regularization of Convolutional Neural Networks
//    with Cutout", 2017).
//
// Targets with positions, those of outputs (height, width, channels), move with their image in
// steps 1 to 3, see augment_masks(). Other targets, such as boxes, stay as they are.
//
// In training only:
//
// 7. mixup: each image of a batch and its target are blended with another image and its target:
//    w * own + (1 - w) * other, w ~ Beta(mixup, mixup) for each batch. Labels become soft labels,
//    in memory as many as outputs (Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk
//    Minimization", 2018).
struct Augmentation {
  enum class Flip {
    never,
    random,       // with probability 1/2
    alternating,  // random in epoch 0, then the other way in every epoch (Jordan, "94% on CIFAR-10
                  // in 3.29 Seconds on a Single GPU", 2024)
  };
  // The values beyond the edges of an image.
  enum class Border {
    zero,     // black
    reflect,  // mirrored at the centres of the outermost pixels
  };
  Flip flip = Flip::never;
  int64_t crop_padding = 0;
  float rotate = 0;
  float scale_low = 1, scale_high = 1;
  float shift = 0;
  Border border = Border::zero;
  float contrast = 0, brightness = 0;
  int64_t cutout = 0;
  float mixup = 0;

  static constexpr NamedValue<Flip> kFlips[] = {
      {"never", Flip::never}, {"random", Flip::random}, {"alternating", Flip::alternating}};
  static constexpr NamedValue<Border> kBorders[] = {{"zero", Border::zero},
                                                    {"reflect", Border::reflect}};
  static constexpr const char* kKind = "augmentation";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("flip", self.flip, kFlips);
    constexpr Limits pixels = {0, DBL_MAX, true, "0 or more pixels"},
                     share = {0, 1, true, "0 to 1"};
    visit("crop_padding", self.crop_padding, pixels);
    visit("rotate", self.rotate, Limits{0, 180, true, "0 to 180 degrees"});
    // Within these and those of the shift, where a pixel comes from fits 32 bits.
    constexpr Limits scale = {0.01f, 100, true, "factors from 0.01 to 100", "scale"};
    visit("scale_low", self.scale_low, scale);
    visit("scale_high", self.scale_high, scale);
    visit("shift", self.shift, Limits{0, 1 << 20, true, "0 to 1048576 pixels"});
    visit("border", self.border, kBorders);
    visit("contrast", self.contrast, share);
    visit("brightness", self.brightness, share);
    visit("cutout", self.cutout, pixels);
    visit("mixup", self.mixup, Limits{0, 4, true, "0 to 4"});
  }
};

// Throws std::invalid_argument, naming the value, unless crop_padding and cutout are 0 or more,
// rotate is in [0, 180], scale_low <= scale_high in [0.01, 100], shift in [0, 2^20], contrast and
// brightness in [0, 1], mixup in [0, 4], and flip and border are values of their enums.
CNNX_API void validate(const Augmentation& augmentation);

// True when the augmentation changes no image.
CNNX_API bool is_identity(const Augmentation& augmentation);

// Writes the augmented and normalised images of `shape` (height, width, channels) to `out`, without
// mixup. The result for image i depends on (seed, epoch, i) and the settings alone.
// The bits are the same on every machine and any number of threads. Threads: as get_num_threads().
// Throws std::invalid_argument for settings that validate() refuses, another number of axes, and
// unless crop_padding is less than height and width and epoch less than 2^48.
CNNX_API void augment_images(const ImageBatch& images, const Shape& shape,
                             const Preprocessing& preprocessing, const Augmentation& augmentation,
                             uint64_t seed, uint64_t epoch, float* out);

// Masks of images: `count` times height x width labels of positions.
struct MaskBatch {
  const int64_t* labels;
  int64_t count, height, width;
  int64_t beyond = 0;  // the label beyond the edges of an image
};

// Moves masks as augment_images() moves their images of image_shape (height, width) with the same
// seed and epoch: affine, flip and crop. Each position gets the label of the nearest original
// position. Beyond the edges Border::zero gives the label MaskBatch::beyond, and Border::reflect
// mirrors. In training that label is the loss's ignore_index, or 0, the background by convention.
// Other changes leave masks as they are. A position is one pixel, or a block of pixels if a mask is
// smaller by a whole factor. Bits and threads as augment_images(). Throws std::invalid_argument for
// settings that validate() refuses, unless crop_padding is less than height and width and epoch
// less than 2^48, and unless positions have a whole number of pixels.
CNNX_API void augment_masks(const MaskBatch& masks, const Shape& image_shape,
                            const Augmentation& augmentation, uint64_t seed, uint64_t epoch,
                            int64_t* out);

}  // namespace cnnx
