// The content of a model in a safetensors file, alone or with a trainer's state.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/model_state.h"
#include "io/safetensors.h"

namespace cnnx::io {

constexpr const char* kFormat = "1";
constexpr const char* kTemperature = "cnnx.temperature";  // a tensor

// The metadata that makes a model file a checkpoint (checkpoint_file.h). The names of its tensors
// begin with this and a dot, which no layer's name does.
constexpr const char* kCheckpointPrefix = "cnnx.trainer";

struct FileContent {
  std::vector<Tensor> tensors;
  Metadata metadata;
  std::vector<std::vector<int8_t>> int8_arrays;  // that tensors refer to
};

// The caller holds the model's lock, at least shared, as long as it uses the tensors, which refer
// to the model's memory.
FileContent content_of(const graph::ModelState& model);

// Tensors of the arrays of a block, named `prefix` and the array's name.
void append_arrays(const graph::ArrayBlock& arrays, const float* block, const std::string& prefix,
                   std::vector<Tensor>& tensors);

// Adds the checksums of a content that is complete otherwise.
void add_checksums(FileContent& content);

// Throws FormatError as Model::load does. From then on `file` verifies checksums.
std::shared_ptr<graph::ModelState> read_model(SafetensorsFile& file);
inline std::shared_ptr<graph::ModelState> read_model(SafetensorsFile&& file) {
  return read_model(file);
}

}  // namespace cnnx::io
