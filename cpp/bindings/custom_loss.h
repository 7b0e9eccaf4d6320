// A loss that Python computes.
#pragma once

#include "bindings.h"
#include "cnnx/loss.h"

namespace cnnx::bindings {

// settings: function(outputs, targets, wants_gradient), which returns the mean loss and None or the
// gradient, and output_size, label_count, target_size and takes_logits. Arrays are (images, size).
Loss custom_loss(const py::dict& settings);

}  // namespace cnnx::bindings
