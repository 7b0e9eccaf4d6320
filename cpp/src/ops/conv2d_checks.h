// The checks of shapes and settings that conv2d and conv_transpose2d share; each refusal is one
// sentence that begins with `function`.
#pragma once

#include <cstdint>
#include <string>

#include "cnnx/conv2d.h"
#include "ops/image_shape.h"

namespace cnnx::ops {

std::string describe(const Padding& padding);

// Refuses more elements than any memory holds.
void check_elements(const char* function, const char* what, const Shape& shape);

// Checks images, a weight of four axes, which `axes` names, and groups that divide the images'
// channels.
void check_arrays(const char* function, const Shape& x, const Shape& weight, const char* axes,
                  int64_t groups);

// Checks the settings that need no shape, for a kernel of this size.
void check_settings(const char* function, Pair kernel_size, const Conv2dOptions& options);

// The size of a window, dilation included.
Pair window_extent(Pair kernel_size, Pair dilation);

// For layers, whose channels are not yet those of arrays: groups must divide both.
void check_layer_groups(const char* function, int64_t groups, int64_t in_channels,
                        int64_t out_channels);

}  // namespace cnnx::ops
