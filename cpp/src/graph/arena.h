// Offsets of arrays in one block of memory: two that are needed at the same time never overlap.
#pragma once

#include <cstdint>
#include <vector>

namespace cnnx::graph {

// An array that is written at time `first` and read for the last time at time `last`.
struct ArenaBuffer {
  int64_t floats;  // whole cache lines
  int first, last;
  int64_t offset = 0;
};

// Assigns an offset to every buffer, each as low as the earlier ones allow; returns the floats that
// the arena needs. The first are the largest, or large ones with long lifetimes, whichever order
// needs less.
int64_t assign_offsets(std::vector<ArenaBuffer>& arena_buffers);
// The same, but a smaller array lies in the middle of a larger one where that needs no more memory.
int64_t assign_centred_offsets(std::vector<ArenaBuffer>& arena_buffers);

}  // namespace cnnx::graph
