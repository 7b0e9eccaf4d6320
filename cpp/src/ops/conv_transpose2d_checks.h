// The check of settings that arrays and layers of transposed convolutions share.
#pragma once

#include "cnnx/conv_transpose2d.h"

namespace cnnx::ops {

// Refuses what makes no output size that a convolution turns back into the input's.
void check_output_padding(const char* function, const ConvTranspose2dOptions& options);

}  // namespace cnnx::ops
