// The direct convolution of images with one channel and few outputs, for kernel files only: vectors
// run along the pixels, which are then adjacent.
#pragma once

#include "kernels/conv2d.h"

namespace cnnx {
namespace CNNX_ISA {

// Rows [first, last) of the only pass. The source is a copy with zeros beside it, whose rows are
// row_floats apart; `row_zero` is the position of the first window's column in the image's first
// row, inside the copy or not. The same bits as the tiles.
void convolve_one_input(const Convolution& convolution, const ConvolutionBand& band,
                        const float* row_zero, int64_t row_floats, int64_t first, int64_t last);

// All rows of the band; its target is the pooled map.
void convolve_one_input_pooled(const Convolution& convolution, const ConvolutionBand& band,
                               const float* row_zero, int64_t row_floats, uint8_t* argmax);

}  // namespace CNNX_ISA
}  // namespace cnnx
