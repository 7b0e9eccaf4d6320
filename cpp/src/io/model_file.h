// What a model is in a safetensors file, alone or together with what is kept beside it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/model_state.h"
#include "io/safetensors.h"

namespace cnnx::io {

// The metadata that makes a model's file a checkpoint (checkpoint_file.h); its tensors' names begin
// with this and a dot, with which no layer's name begins.
constexpr const char* kCheckpointPrefix = "cnnx.trainer";

struct FileContent {
  std::vector<Tensor> tensors;
  Metadata metadata;
};

// The caller holds the model's lock, shared at least, for as long as it uses the tensors, which
// refer to the model's memory.
FileContent content_of(const graph::ModelState& model);

// Tensors of the arrays of a block, named `prefix` and the array's name.
void append_arrays(const graph::ArrayBlock& arrays, const float* block, const std::string& prefix,
                   std::vector<Tensor>& tensors);

// Throws FormatError as Model::load.
std::shared_ptr<graph::ModelState> read_model(const SafetensorsFile& file);

}  // namespace cnnx::io
