// The memory of an execution: input, activations, gradients and scratch; and a pool of them, so
// that several threads may run one plan and a repeated execution allocates nothing.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

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

class WorkspacePool {
 public:
  // A free workspace, or null.
  std::unique_ptr<Workspace> take();
  void give_back(std::unique_ptr<Workspace> workspace) noexcept;

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;
};

}  // namespace cnnx::graph
