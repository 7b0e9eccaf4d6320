// Fits arrays into one block, first fit by decreasing size.
#include "graph/arena.h"

#include <algorithm>
#include <numeric>

namespace cnnx::graph {

int64_t settle(std::vector<Tenant>& tenants) {
  std::vector<std::size_t> order(tenants.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return tenants[a].floats > tenants[b].floats;
  });
  std::vector<const Tenant*> settled;  // by offset
  int64_t floats = 0;
  for (const std::size_t index : order) {
    Tenant& tenant = tenants[index];
    tenant.offset = 0;
    for (const Tenant* other : settled) {
      if (other->last < tenant.first || tenant.last < other->first) continue;
      if (tenant.offset + tenant.floats <= other->offset) break;
      tenant.offset = std::max(tenant.offset, other->offset + other->floats);
    }
    const auto above = [](const Tenant* a, const Tenant* b) { return a->offset < b->offset; };
    settled.insert(std::upper_bound(settled.begin(), settled.end(), &tenant, above), &tenant);
    floats = std::max(floats, tenant.offset + tenant.floats);
  }
  return floats;
}

}  // namespace cnnx::graph
