// Losses of classes apply softmax or sigmoid themselves, so they need outputs without it.
#pragma once

#include "graph/model_state.h"
#include "training/loss.h"

namespace cnnx::training {

// Throws std::invalid_argument, naming the output, if the layer of one ends in softmax or sigmoid
// and its loss applies it, too.
void check_outputs_are_raw(const graph::ModelState& model, const LossFunction& loss);

}  // namespace cnnx::training
