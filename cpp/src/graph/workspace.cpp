// Lends workspaces, enlarges them, and takes them back.
#include "graph/workspace.h"

#include <algorithm>

namespace cnnx::graph {
namespace {

void enlarge(runtime::AlignedBuffer& buffer, int64_t floats) {
  if (buffer.size() >= floats) return;
  buffer = runtime::AlignedBuffer();  // the old memory is freed first
  buffer = runtime::AlignedBuffer(floats);
}

}  // namespace

WorkspaceLease::~WorkspaceLease() {
  if (workspace_) pool_->give_back(std::move(workspace_));
}

WorkspaceLease WorkspacePool::lease(int64_t arena_floats, int64_t scratch_floats) {
  std::unique_ptr<Workspace> workspace = take(arena_floats, scratch_floats);
  if (!workspace) workspace = std::make_unique<Workspace>();
  enlarge(workspace->arena, arena_floats);
  enlarge(workspace->scratch, scratch_floats);
  return WorkspaceLease(*this, std::move(workspace));
}

// The smallest free workspace that is large enough, or else the first one; null if none is free.
std::unique_ptr<Workspace> WorkspacePool::take(int64_t arena_floats, int64_t scratch_floats) {
  const auto fits = [&](const auto& each) {
    return each->arena.size() >= arena_floats && each->scratch.size() >= scratch_floats;
  };
  return free_.use([&](Workspaces& free) -> std::unique_ptr<Workspace> {
    if (free.empty()) return nullptr;
    const auto chosen =
        std::min_element(free.begin(), free.end(), [&](const auto& a, const auto& b) {
          return fits(a) && (!fits(b) || a->arena.size() < b->arena.size());
        });
    std::swap(*chosen, free.back());
    std::unique_ptr<Workspace> workspace = std::move(free.back());
    free.pop_back();
    return workspace;
  });
}

void WorkspacePool::give_back(std::unique_ptr<Workspace> workspace) noexcept {
  try {
    free_.use([&](Workspaces& free) { free.push_back(std::move(workspace)); });
  } catch (...) {
    // Without memory for the list the workspace is simply freed.
  }
}

void WorkspacePool::clear() {
  free_.use([](Workspaces& free) { free.clear(); });
}

}  // namespace cnnx::graph
