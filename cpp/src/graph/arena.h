// Where arrays lie in one block of memory: two that are needed at the same time never overlap.
#pragma once

#include <cstdint>
#include <vector>

namespace cnnx::graph {

// An array that is written at time `first` and read for the last time at time `last`.
struct Tenant {
  int64_t floats;  // whole cache lines
  int first, last;
  int64_t offset = 0;
};

// Gives every tenant its offset, the largest first, each as low as those before it allow; returns
// how many floats the arena needs.
int64_t settle(std::vector<Tenant>& tenants);

}  // namespace cnnx::graph
