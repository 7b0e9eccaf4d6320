// The time of train steps by layer and phase.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cnnx {

// Layers that ran fused, by name, and their seconds in all steps.
struct LayerTime {
  std::vector<std::string> layers;
  double forward = 0, backward = 0;
};

struct Profile {
  int64_t steps = 0;
  double seconds = 0;  // of all steps; includes time outside the parts below
  std::vector<LayerTime> layers;
  double loss = 0;    // and its gradient
  double update = 0;  // of the parameters
};

}  // namespace cnnx
