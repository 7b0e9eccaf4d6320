// The execution of a batch in inference: the layers before the first dense one run a few images at
// a time, each slice in one thread, whose cache holds its arrays. The remaining layers run on the
// whole batch, so that their weights are read once. Immutable.
#pragma once

#include <memory>
#include <vector>

#include "graph/chain.h"
#include "graph/workspace.h"

namespace cnnx::graph {

// Floats per image that a plan holds for its whole batch: the input, the output of the layers that
// run in slices, and the arrays of the layers after them. The arrays of a slice belong to a thread.
int64_t whole_batch_floats(const Graph& graph);

// Multiply-adds for one image that are worth waking threads, although none of its layers may be.
constexpr int64_t kWakingMultiplyAdds = int64_t{3} << 20;

class InferencePlan {
 public:
  InferencePlan(const Graph& graph, int64_t batch, int threads);

  int64_t batch() const { return batch_; }
  int threads() const { return threads_; }

  // Packs the weights for forward; the layout is the same for plans of any batch.
  int64_t packed_floats() const { return head_.packed_end(); }
  void pack_weights(const float* parameters, float* buffers, float* packed) const;

  // A workspace for one execution, returned to the pool at the end of the lease. Only the first
  // lease allocates.
  WorkspaceLease lease(WorkspacePool& pool) const {
    return pool.lease(arena_floats(), scratch_floats());
  }
  // Of a workspace.
  int64_t arena_floats() const;
  int64_t scratch_floats() const;

  // Runs every layer on `input` (batch images, float). The result lies in the workspace until the
  // end of the lease.
  const float* forward(const float* input, const float* parameters, float* buffers,
                       const float* packed, Workspace& workspace) const;

 private:
  int64_t slices() const { return (batch_ + slice_ - 1) / slice_; }
  // Whether each slice runs in one thread; otherwise the threads share every layer.
  bool thread_per_slice() const { return slices() > 1 && slices() >= threads_; }
  // Threads of a slice's layers.
  int trunk_threads() const { return thread_per_slice() ? 1 : threads_; }
  // Slices that run at a time.
  int slots() const { return thread_per_slice() ? threads_ : 1; }
  int64_t trunk_output_floats() const;
  int64_t slot_floats() const;
  int64_t slot_scratch() const;

  int64_t batch_, input_floats_;
  int threads_, trunk_end_;
  int64_t slice_;
  Chain trunk_, trunk_rest_;  // for a slice, and for the last, smaller one
  Chain head_;
};

}  // namespace cnnx::graph
