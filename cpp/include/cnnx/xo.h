// The X-and-O drawings: a data set without a download, too varied to be told apart by comparing
// pixels.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

// Draws `count` grey images of size x size pixels, each one hand-like X (label 0) or O (label 1).
//
// Where, how large and how: anywhere in the frame and wholly inside; the longer side of the drawing
// is 35-80 % of the frame; width to height 3:4 to 4:3, then turned by up to 25 degrees either way;
// strokes 1-3 pixels wide at size 32 (in proportion at other sizes; the smallest drawings keep to
// thinner ones, so that an O stays open and an X has four arms), antialiased, with jittered ends:
// an O's overlap, so it is always closed. Light on dark or dark on light, at least 45 % of the
// range apart, with noise of 1-6 % of the range.
//
// Drawing i depends on (size, seed, i) alone, so a larger count begins with the same images. Each
// pair (2k, 2k + 1) holds one X and one O in random order. The same bits on every machine.
//
// Memory: pixels holds count * size * size bytes, labels count numbers, both overwritten. Threads:
// as get_num_threads(). Throws std::invalid_argument unless count >= 0 and 16 <= size <= 1024, and
// for a null pointer.
CNNX_API void draw_xo(int64_t count, int64_t size, uint64_t seed, uint8_t* pixels, int64_t* labels);

}  // namespace cnnx
