// Lends workspaces out and takes them back.
#include "graph/workspace.h"

namespace cnnx::graph {

WorkspaceLease::~WorkspaceLease() {
  if (workspace_) pool_->give_back(std::move(workspace_));
}

std::unique_ptr<Workspace> WorkspacePool::take(int threads) {
  const std::lock_guard<std::mutex> lock(mutex_);
  while (!free_.empty()) {
    std::unique_ptr<Workspace> workspace = std::move(free_.back());
    free_.pop_back();
    // One that is too small for today's thread count is never useful again.
    if (workspace->threads >= threads) return workspace;
  }
  return nullptr;
}

void WorkspacePool::give_back(std::unique_ptr<Workspace> workspace) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  try {
    free_.push_back(std::move(workspace));
  } catch (...) {
    // Without memory for the list the workspace is simply freed.
  }
}

}  // namespace cnnx::graph
