// Finds the first values that are not finite in a train step or a model.
#pragma once

#include <cstdint>
#include <string>

#include "graph/model_state.h"

namespace cnnx::training {

// The first part of this train step that is not finite for this batch: "the images", "the output of
// conv2d_1"; empty if all are finite. Writes to no model. The caller holds the model's lock.
std::string first_not_finite(const graph::ModelState& model, const float* input, int64_t rows,
                             const ops::TrainingStep& step);

// The name of the first parameter whose gradient is not finite; empty if all are finite.
std::string first_not_finite_gradient(const graph::ModelState& model, const float* gradients);

// The name of the first parameter or buffer that is not finite; empty if all are finite. The caller
// holds the model's lock.
std::string first_not_finite(const graph::ModelState& model);

}  // namespace cnnx::training
