// Lends workspaces and takes them back.
#include "graph/workspace.h"

namespace cnnx::graph {

WorkspaceLease::~WorkspaceLease() {
  if (workspace_) pool_->give_back(std::move(workspace_));
}

std::unique_ptr<Workspace> WorkspacePool::take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (free_.empty()) return nullptr;
  std::unique_ptr<Workspace> workspace = std::move(free_.back());
  free_.pop_back();
  return workspace;
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
