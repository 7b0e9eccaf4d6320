// Assigns offsets to arrays in one block, one array after another.
#include "graph/arena.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "runtime/memory.h"

namespace cnnx::graph {
namespace {

bool meet(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The lowest offset at which it fits among those placed, by offset.
int64_t first_fit(const ArenaBuffer& buffer, const std::vector<const ArenaBuffer*>& placed) {
  int64_t offset = 0;
  for (const ArenaBuffer* other : placed) {
    if (!meet(buffer, *other)) continue;
    if (offset + buffer.floats <= other->offset) break;
    offset = std::max(offset, other->offset + other->floats);
  }
  return offset;
}

// The lowest offset in the middle of a larger array, or that of the first fit. Threads have the
// same part of the rows of every layer, for two the upper and the lower half. So a thread writes to
// memory that is in its own core's cache.
int64_t centred_fit(const ArenaBuffer& buffer, const std::vector<const ArenaBuffer*>& placed) {
  for (const ArenaBuffer* around : placed) {
    if (around->floats < buffer.floats || meet(buffer, *around)) continue;
    const int64_t offset =
        around->offset + runtime::round_up_to_line((around->floats - buffer.floats) / 2);
    const auto overlaps = [&](const ArenaBuffer* other) {
      return meet(buffer, *other) && offset < other->offset + other->floats &&
             other->offset < offset + buffer.floats;
    };
    if (std::none_of(placed.begin(), placed.end(), overlaps)) return offset;
  }
  return first_fit(buffer, placed);
}

// Those with the largest are placed first.
using Weight = double (*)(const ArenaBuffer& buffer);

double size(const ArenaBuffer& buffer) { return static_cast<double>(buffer.floats); }

// A smaller array that lives long is as hard to place as a larger one. The root is by trial.
double size_and_lifetime(const ArenaBuffer& buffer) {
  return size(buffer) * std::sqrt(buffer.last - buffer.first + 1);
}

using Fit = int64_t (*)(const ArenaBuffer& buffer, const std::vector<const ArenaBuffer*>& placed);

int64_t place(std::vector<ArenaBuffer>& arena_buffers, Weight weight, Fit fit) {
  std::vector<std::size_t> order(arena_buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Equal ones in their own order.
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double difference = weight(arena_buffers[a]) - weight(arena_buffers[b]);
    return difference != 0 ? difference > 0 : a < b;
  });
  std::vector<const ArenaBuffer*> placed;  // by offset
  int64_t floats = 0;
  for (const std::size_t index : order) {
    ArenaBuffer& arena_buffer = arena_buffers[index];
    arena_buffer.offset = fit(arena_buffer, placed);
    const auto above = [](const ArenaBuffer* a, const ArenaBuffer* b) {
      return a->offset < b->offset;
    };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &arena_buffer, above),
                  &arena_buffer);
    floats = std::max(floats, arena_buffer.offset + arena_buffer.floats);
  }
  return floats;
}

int64_t place_in_better_order(std::vector<ArenaBuffer>& arena_buffers, Fit fit) {
  std::vector<ArenaBuffer> by_lifetime = arena_buffers;
  const int64_t floats = place(arena_buffers, size, fit);
  const int64_t floats_by_lifetime = place(by_lifetime, size_and_lifetime, fit);
  if (floats_by_lifetime >= floats) return floats;
  arena_buffers = std::move(by_lifetime);
  return floats_by_lifetime;
}

}  // namespace

int64_t assign_offsets(std::vector<ArenaBuffer>& arena_buffers) {
  return place_in_better_order(arena_buffers, first_fit);
}

int64_t assign_centred_offsets(std::vector<ArenaBuffer>& arena_buffers) {
  std::vector<ArenaBuffer> centred = arena_buffers;
  const int64_t floats = place_in_better_order(arena_buffers, first_fit);
  const int64_t centred_floats = place_in_better_order(centred, centred_fit);
  if (centred_floats > floats) return floats;
  arena_buffers = std::move(centred);
  return centred_floats;
}

}  // namespace cnnx::graph
