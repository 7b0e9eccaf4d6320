// Preprocessing of an image for a network: resizing, grey or RGB, normalisation. Its settings are
// part of the model file, so C++, Python and the command line compute the same network input to the
// bit.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/image.h"
#include "cnnx/training_settings.h"

namespace cnnx {

// How an image of another size or shape becomes one of the model's size.
enum class Resize {
  stretch,  // each axis on its own
  fit,      // scaled to fit inside, centred, with black borders (0 before normalisation)
  crop,     // scaled to cover, then the centre cut out
};
inline constexpr NamedValue<Resize> kResizes[] = {
    {"stretch", Resize::stretch}, {"fit", Resize::fit}, {"crop", Resize::crop}};

// Pixels become (p / 255 - mean) / std when they are integers, (p - mean) / std when they are
// floats, with exactly these operations in float32. mean and std hold one value, or one per
// channel.
struct Preprocessing {
  Resize resize = Resize::stretch;
  std::vector<float> mean = {0.0f};
  std::vector<float> std = {1.0f};
};

// Throws std::invalid_argument, naming the value, unless mean and std hold 1 or `channels` values,
// all finite, those of std above 0, and resize is one of its three values.
CNNX_API void validate(const Preprocessing& preprocessing, int64_t channels);

// True for mean 0 and std 1, which leave every float unchanged.
CNNX_API bool is_identity(const Preprocessing& preprocessing);

// Resizes `image` to (height, width, channels) and writes it to `output`, rows without gaps;
// channels is 1 or 3.
//
// Filter: a triangle as wide as the larger of a source and a target pixel (bilinear when enlarging,
// antialiased when reducing). Its weights are normalised at the border. Rows are filtered first,
// then columns, in float32. This is Pillow's BILINEAR. An image of the requested size is copied
// unchanged. Alpha is first composited on white. Grey becomes RGB by repetition. RGB becomes grey
// as 0.299 R + 0.587 G + 0.114 B (Recommendation ITU-R BT.601, luma of the encoded values).
//
// uint8 pixels give uint8, rounded once, at the end, to the nearest (halves up). float32 pixels
// give float32. Threads: as get_num_threads(). Throws std::invalid_argument for sizes outside 1 to
// 1048576, other channels than those above, a null pointer, a row_stride too small, or a pixel type
// that is not the output's.
CNNX_API void resize_image(const ImageView& image, int64_t height, int64_t width, int64_t channels,
                           Resize resize, uint8_t* output);
CNNX_API void resize_image(const ImageView& image, int64_t height, int64_t width, int64_t channels,
                           Resize resize, float* output);

// Resizes a mask, one label per pixel, as resize_image() does its image: each target pixel gets the
// label of the nearest source pixel, and the borders of Resize::fit get label 0, the background.
// Throws std::invalid_argument for sizes outside 1 to 1048576 and null pointers.
CNNX_API void resize_mask(const uint8_t* labels, int64_t from_height, int64_t from_width,
                          int64_t height, int64_t width, Resize resize, uint8_t* output);

// The inverse of resize_mask(): writes the mask of an image of image_height x image_width, given
// the mask of the resized image. Pixels that Resize::crop left out get label 255, no class. Throws
// as resize_mask().
CNNX_API void restore_mask(const uint8_t* labels, int64_t height, int64_t width,
                           int64_t image_height, int64_t image_width, Resize resize,
                           uint8_t* output);

}  // namespace cnnx
