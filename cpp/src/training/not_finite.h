// Finds where a train step's numbers, or what it left in a model, stopped being finite.
#pragma once

#include <cstdint>
#include <string>

#include "graph/model_state.h"

namespace cnnx::training {

// What is the first that is not finite for this batch in this train step: "the images", "the
// output of conv2d_1"; empty when all are. Writes to no model. The caller holds the model's lock.
std::string first_not_finite(const graph::ModelState& model, const float* input, int64_t rows,
                             const ops::TrainingStep& step);

// The name of the first parameter or buffer that is not finite; empty when all are. The caller
// holds the model's lock.
std::string first_not_finite(const graph::ModelState& model);

}  // namespace cnnx::training
