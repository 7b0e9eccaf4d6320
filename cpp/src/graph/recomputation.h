// The choice of the arrays that a train step computes again in backward instead of saving them. It
// depends on shapes and on the other memory of a step, and changes no bits.
#pragma once

#include "graph/training_timeline.h"

namespace cnnx::graph {

// Saves what is slow to compute again: of a batch norm its input, but no large output.
Recomputation save_slow(const Chain& chain);

// As save_slow, but of the arrays that lower the step's peak most, those that take few
// multiply-adds are computed again, too: often the output of the first convolution.
Recomputation save_costly(const Chain& chain, const GradientFlow& flow,
                          const TrainingMemory& memory);

// Saves single arrays between which the layers run again during backward (Chen et al. 2016), chosen
// so that the step needs little memory. Among such choices it saves what does not add to the peak.
Recomputation save_little(const Chain& chain, const GradientFlow& flow,
                          const TrainingMemory& memory);

}  // namespace cnnx::graph
