// Layers and a model's options as text, such as "conv2d out_channels=16 kernel_size=3".
#pragma once

#include <vector>

#include "c_api/call.h"
#include "cnnx/layer.h"
#include "cnnx/model.h"

namespace cnnx::c_api {

// As documented for cnnx_model_create in cnnx/c_api.h; a null pointer means default options.
std::vector<Layer> layers_of(const Call& call, const char* text, const char* argument);
ModelOptions model_options_of(const Call& call, const char* text);

}  // namespace cnnx::c_api
