// Random changes of the images that a network is trained on, so that it sees each one differently
// in every epoch.
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/image.h"
#include "cnnx/preprocessing.h"
#include "cnnx/shape.h"

namespace cnnx {

// What may happen to an image, in this order; the defaults leave it as it is. "Uniform" is what is
// drawn for each image and epoch anew.
//
// 1. affine: turned about its middle by an angle uniform in [-rotate, rotate] degrees, enlarged by
// a
//    factor uniform in [scale_low, scale_high], moved by two distances uniform in [-shift, shift]
//    pixels; sampled bilinearly.
// 2. flip: left and right exchanged.
// 3. crop: framed by crop_padding pixels on each side, then a part of the old size cut out, its
//    place uniform; with 2 it is moved by up to two whole pixels.
// 4. contrast and brightness, on values in [0, 1]: v = brightness * (m + contrast * (v - m)), kept
//    within [0, 1]; the factors are uniform in [1 - x, 1 + x] of the setting x, m is the mean of
//    all of the image's values before any change.
// 5. normalisation, as Preprocessing says.
// 6. cutout: a square of that side, its middle uniform over the image, becomes 0, the mean that
//    normalisation leaves (DeVries, Taylor, "Improved Regularization of Convolutional Neural
//    Networks with Cutout", 2017).
//
// And then, in training alone:
//
// 7. mixup: the images of a batch, and their targets, become blends of two: share * itself +
//    (1 - share) * another one, the share ~ Beta(mixup, mixup) for each batch; classes become
//    shares of them (Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization",
//    2018).
struct Augmentation {
  enum class Flip {
    never,
    random,       // with probability 1/2
    alternating,  // random in epoch 0, then the other way in every epoch (Jordan, "94% on CIFAR-10
                  // in 3.29 Seconds on a Single GPU", 2024)
  };
  // What lies beyond an image's edge.
  enum class Border {
    zero,     // black
    reflect,  // the image mirrored at the middle of its outermost pixels
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
};

// Throws std::invalid_argument, naming the value, unless crop_padding and cutout are 0 or more,
// rotate is in [0, 180], scale_low <= scale_high in [0.01, 100], shift in [0, 2^20], contrast and
// brightness in [0, 1], mixup in [0, 4].
CNNX_API void validate(const Augmentation& augmentation);

// True when it leaves every image as it is.
CNNX_API bool is_identity(const Augmentation& augmentation);

// out = the images of `shape` (height, width, channels), changed and normalised, without mixup.
// What happens to image i depends on (seed, epoch, i) and the settings alone; epoch < 2^48. The
// same bits on every machine and any number of threads; threads: as get_num_threads(). Throws
// std::invalid_argument for settings that validate() refuses and for a crop_padding that is not
// below height and width.
CNNX_API void augment_images(const ImageBatch& images, const Shape& shape,
                             const Preprocessing& preprocessing, const Augmentation& augmentation,
                             uint64_t seed, uint64_t epoch, float* out);

}  // namespace cnnx
