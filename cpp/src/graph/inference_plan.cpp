// Divides a batch into slices, runs them in threads, and runs the remaining layers on the whole
// batch.
#include "graph/inference_plan.h"

#include <algorithm>
#include <utility>

#include "ops/shares.h"
#include "runtime/parallel.h"

namespace cnnx::graph {
namespace {

// Larger slices gain nothing: the overhead of a call is negligible for eight images. Fewer slices
// would be harder to balance when one CPU is temporarily slower than another.
constexpr int64_t kMostImagesOfASlice = 8;

// Whether the whole batch of a later layer's images would leave a cache rather than the weights of
// this one.
bool has_larger_images_after(const Graph& graph, int id, int64_t weights) {
  const auto after = graph.nodes().begin() + id + 1;
  return std::any_of(after, graph.nodes().end(),
                     [&](const Node& node) { return element_count(node.output_shape) > weights; });
}

// The number of nodes before the first whose op does not run in slices, or takes less time for a
// whole batch, at a point where one array connects them with the rest.
int end_of_trunk(const Graph& graph) {
  const int count = static_cast<int>(graph.nodes().size());
  int end = 0;
  while (end < count) {
    ops::Fusion fusion;
    fusion.bfloat16 = runs_in_bfloat16(graph.node(end), 1, graph.compute_dtype());
    const auto op = graph.bind(end, 1, fusion);
    if (op) {
      const ops::BoundOpTraits traits = op->traits();
      if (!traits.runs_in_slices) break;
      const int64_t weights = traits.weights_for_batch;
      if (weights > 0 && !has_larger_images_after(graph, end, weights)) break;
    }
    ++end;
  }
  // Back to a point where nodes from `end` on read nothing earlier except node end - 1.
  int earliest = count;
  for (int id = count; id > 0; --id) {
    if (id <= end && earliest >= id - 1) return id;
    for (const int input : graph.node(id - 1).inputs) earliest = std::min(earliest, input);
  }
  return 0;
}

int64_t slice_size(const Graph& graph, int64_t batch, int threads) {
  if (batch < threads) return batch;
  int64_t most = 1;
  for (const Node& node : graph.nodes()) {
    int64_t floats = element_count(node.output_shape);
    for (const Shape& input : node.input_shapes) floats += element_count(input);
    most = std::max(most, floats);
  }
  const int64_t for_cache = std::clamp<int64_t>(ops::kCachedFloats / most, 1, kMostImagesOfASlice);
  return std::min(for_cache, ops::divide_up(batch, threads));
}

}  // namespace

int64_t whole_batch_floats(const Graph& graph) {
  const int end = end_of_trunk(graph);
  const auto output_floats = [&](int id) { return element_count(graph.node(id).output_shape); };
  int64_t most = 0;
  for (int id = end; id < static_cast<int>(graph.nodes().size()); ++id)
    most = std::max(most, output_floats(id));
  return element_count(graph.input_shape()) + (end > 0 ? output_floats(end - 1) : 0) + 2 * most;
}

InferencePlan::InferencePlan(const Graph& graph, int64_t batch, int threads)
    : batch_(batch),
      input_floats_(element_count(graph.input_shape())),
      threads_(threads),
      trunk_end_(end_of_trunk(graph)),
      slice_(slice_size(graph, batch, threads)),
      trunk_(graph, 0, trunk_end_, slice_, {Chain::Keep::nothing, graph.compute_dtype()}),
      trunk_rest_(graph, 0, batch % slice_ ? trunk_end_ : 0, batch % slice_,
                  {Chain::Keep::nothing, graph.compute_dtype()}),
      head_(graph, trunk_end_, static_cast<int>(graph.nodes().size()), batch,
            {Chain::Keep::nothing, graph.compute_dtype(), trunk_.packed_end(), -1,
             trunk_.output_storage()}) {}

int64_t InferencePlan::trunk_output_floats() const {
  const int64_t bytes = slices() * trunk_.output_bytes();
  return runtime::round_up_to_line(bytes / static_cast<int64_t>(sizeof(float)) + 1);
}

int64_t InferencePlan::slot_floats() const {
  return std::max(trunk_.arena_floats(), trunk_rest_.arena_floats());
}

int64_t InferencePlan::slot_scratch() const {
  const int threads = trunk_threads();
  return runtime::round_up_to_line(
      std::max(trunk_.scratch_floats(threads), trunk_rest_.scratch_floats(threads)));
}

void InferencePlan::pack_weights(const float* parameters, float* buffers, float* packed) const {
  trunk_.pack_weights(parameters, buffers, threads_, packed);
  head_.pack_weights(parameters, buffers, threads_, packed);
}

int64_t InferencePlan::arena_floats() const {
  return trunk_output_floats() + std::max(slots() * slot_floats(), head_.arena_floats());
}

int64_t InferencePlan::scratch_floats() const {
  return std::max(slots() * slot_scratch(), head_.scratch_floats(threads_));
}

const float* InferencePlan::forward(const float* input, const float* parameters, float* buffers,
                                    const float* packed, Workspace& workspace) const {
  float* const trunk_output = workspace.arena.data();
  float* const arena = trunk_output + trunk_output_floats();
  float* const scratch = workspace.scratch.data();
  const bool to_end =
      std::exchange(workspace.weights_end_is_cached, !workspace.weights_end_is_cached);
  const auto run_head = [&](const float* from) {
    return head_.forward({from, parameters, buffers, packed, arena, scratch, threads_, to_end});
  };
  if (!thread_per_slice() && trunk_.multiply_adds() + head_.multiply_adds() >= kWakingMultiplyAdds)
    runtime::wake_threads(threads_);
  if (trunk_.steps().empty()) return run_head(input);
  const auto run_slices = [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) {
      const bool rest = (i + 1) * slice_ > batch_;
      (rest ? trunk_rest_ : trunk_)
          .forward({input + i * slice_ * input_floats_, parameters, buffers, packed,
                    arena + slot * slot_floats(), scratch + slot * slot_scratch(), trunk_threads()},
                   reinterpret_cast<float*>(reinterpret_cast<char*>(trunk_output) +
                                            i * trunk_.output_bytes()));
    }
  };
  if (thread_per_slice()) {
    const int64_t grain = ops::kGrainMultiplyAdds / (trunk_.multiply_adds() + 1) + 1;
    runtime::parallel_for(threads_, slices(), grain, run_slices);
  } else {
    run_slices(0, slices(), 0);
  }
  return run_head(trunk_output);
}

}  // namespace cnnx::graph
