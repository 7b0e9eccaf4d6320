// Assigns offsets to arrays in one block, first fit by decreasing size.
#include "graph/arena.h"

#include <algorithm>
#include <numeric>

namespace cnnx::graph {

int64_t assign_offsets(std::vector<ArenaBuffer>& arena_buffers) {
  std::vector<std::size_t> order(arena_buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return arena_buffers[a].floats > arena_buffers[b].floats;
  });
  std::vector<const ArenaBuffer*> placed;  // by offset
  int64_t floats = 0;
  for (const std::size_t index : order) {
    ArenaBuffer& arena_buffer = arena_buffers[index];
    arena_buffer.offset = 0;
    for (const ArenaBuffer* other : placed) {
      if (other->last < arena_buffer.first || arena_buffer.last < other->first) continue;
      if (arena_buffer.offset + arena_buffer.floats <= other->offset) break;
      arena_buffer.offset = std::max(arena_buffer.offset, other->offset + other->floats);
    }
    const auto above = [](const ArenaBuffer* a, const ArenaBuffer* b) {
      return a->offset < b->offset;
    };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &arena_buffer, above),
                  &arena_buffer);
    floats = std::max(floats, arena_buffer.offset + arena_buffer.floats);
  }
  return floats;
}

}  // namespace cnnx::graph
