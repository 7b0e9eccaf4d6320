// The check of settings shared by functions and layers of transposed convolutions.
#pragma once

#include "cnnx/conv_transpose2d.h"

namespace cnnx::ops {

// Refuses settings whose output size a convolution would not map back to the input's.
void check_output_padding(const char* function, const ConvTranspose2dOptions& options);

}  // namespace cnnx::ops
