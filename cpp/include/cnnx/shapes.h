// Generated colour images of circles, squares and triangles, for segmentation and for detection.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

// Draws `count` colour images of height x width pixels with one to three filled shapes each, and
// the class of every pixel: 0 background, 1 circle, 2 square, 3 triangle.
//
// Shapes are regular polygons or circles of random colour, size, place and rotation, wholly inside
// the frame. The radius of the circle around a shape is 11-25 % of the shorter side. A later shape
// may cover a part of an earlier one. Edges are antialiased; a pixel has the class of the last
// shape that contains its centre. The background changes smoothly between random colours. Colours
// of shapes differ from those of the background by at least 15 % of the range in one channel, and
// occur in the background of other images. All pixels have noise of 2-7 % of the range.
//
// Image i depends on (height, width, seed, i) alone, so a larger count begins with the same images.
// The bits are the same on every machine.
//
// Memory: pixels holds count * height * width * 3 bytes (RGB), masks count * height * width bytes,
// both overwritten. Threads: as get_num_threads(). Throws std::invalid_argument unless count >= 0
// and 32 <= height, width <= 4096, and for a null pointer.
CNNX_API void draw_shapes(int64_t count, int64_t height, int64_t width, uint64_t seed,
                          uint8_t* pixels, uint8_t* masks);

// Draws images like those of draw_shapes with exactly one shape each, its class (0 circle,
// 1 square, 2 triangle) and its bounding box: top, left, bottom, right as fractions of the height
// or width of the image.
//
// Memory: pixels as in draw_shapes, labels count numbers, boxes 4 * count. Threads and errors: as
// draw_shapes.
CNNX_API void draw_single_shapes(int64_t count, int64_t height, int64_t width, uint64_t seed,
                                 uint8_t* pixels, int64_t* labels, float* boxes);

}  // namespace cnnx
