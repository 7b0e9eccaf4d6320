// The X/O data set: generated grey images of an X or an O, too varied for comparing pixels.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

// Draws `count` grey images of size x size pixels, each with one hand-drawn-looking X (label 0) or
// O (label 1).
//
// The figure lies anywhere in the frame and wholly inside. Its longer side is 35-80 % of the frame,
// its width to height 3:4 to 4:3, and it is then rotated by up to 25 degrees either way. Strokes
// are 1-3 pixels wide at size 32 and in proportion at other sizes; the smallest figures have
// thinner strokes, so that an O stays open and an X has four arms. Strokes are antialiased, with
// jittered ends. The ends of an O overlap, so it is always closed. Figures are light on dark or
// dark on light, at least 45 % of the range apart, with noise of 1-6 % of the range.
//
// Image i depends on (size, seed, i) alone, so a larger count begins with the same images. Each
// pair (2k, 2k + 1) holds one X and one O in random order. The bits are the same on every machine.
//
// Memory: pixels holds count * size * size bytes, labels count numbers, both overwritten. Threads:
// as get_num_threads(). Throws std::invalid_argument unless count >= 0 and 16 <= size <= 1024, and
// for a null pointer.
CNNX_API void draw_xo(int64_t count, int64_t size, uint64_t seed, uint8_t* pixels, int64_t* labels);

}  // namespace cnnx
