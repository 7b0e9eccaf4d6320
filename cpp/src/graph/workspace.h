// The memory of an execution: input, activations, gradients and scratch; and a pool of them, so
// that several threads may run one model and a repeated execution allocates nothing.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "runtime/fork.h"
#include "runtime/memory.h"

namespace cnnx::graph {

struct Workspace {
  runtime::AlignedBuffer input;  // images that had to be normalised
  runtime::AlignedBuffer arena;
  runtime::AlignedBuffer scratch;
  // Whether the last execution here read large weights to their end. It alternates, so that weights
  // are read back and forth, and their cached end is used again.
  bool weights_end_is_cached = false;
};

class WorkspacePool;

// Owns a workspace during its lifetime, then returns it to the pool.
class WorkspaceLease {
 public:
  WorkspaceLease(WorkspacePool& pool, std::unique_ptr<Workspace> workspace)
      : pool_(&pool), workspace_(std::move(workspace)) {}
  WorkspaceLease(WorkspaceLease&&) = default;
  ~WorkspaceLease();
  Workspace& operator*() const { return *workspace_; }
  Workspace* operator->() const { return workspace_.get(); }

 private:
  WorkspacePool* pool_;
  std::unique_ptr<Workspace> workspace_;
};

// Plans of all batch sizes share the workspaces of one pool. A workspace that is too small for an
// execution is replaced by a larger one, so the pool holds as many as executions ran at once, each
// no larger than the largest batch needed.
class WorkspacePool {
 public:
  // At least this large; the contents are those of an earlier execution.
  WorkspaceLease lease(int64_t arena_floats, int64_t scratch_floats);
  void give_back(std::unique_ptr<Workspace> workspace) noexcept;
  // Frees the workspaces that are not leased.
  void clear();

 private:
  std::unique_ptr<Workspace> take(int64_t arena_floats, int64_t scratch_floats);

  using Workspaces = std::vector<std::unique_ptr<Workspace>>;
  runtime::ForkSafeCache<Workspaces> free_;
};

}  // namespace cnnx::graph
