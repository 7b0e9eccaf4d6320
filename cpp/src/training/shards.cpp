// Cuts batches and adds the sums of their shards.
#include "training/shards.h"

#include <algorithm>

#include "ops/add.h"

namespace cnnx::training {
namespace {

int64_t group_of(const ShardSpan& span) { return (span.end - 1) / kShardsOfGroup; }

void add_to(float* sums, const float* values, int64_t count, int threads) {
  ops::add_arrays(sums, values, count, /*relu=*/false, threads, sums);
}

}  // namespace

Rows rows_of_shard(int64_t rows, int64_t shards, int64_t shard) {
  const int64_t first = rows * shard / shards;
  return {first, rows * (shard + 1) / shards - first};
}

std::vector<ShardPlace> places_of(const std::vector<ShardSpan>& spans) {
  std::vector<ShardPlace> places;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const int64_t group = group_of(spans[i]);
    places.push_back({group == group_of(spans.front()), i == 0 || group_of(spans[i - 1]) != group,
                      i + 1 == spans.size() || group_of(spans[i + 1]) != group});
  }
  return places;
}

std::vector<ShardSpan> sums_of(const ShardSpan& own, int64_t shards) {
  std::vector<ShardSpan> sums;
  int64_t shard = own.first;
  const int64_t whole_groups = own.end == shards ? own.end : own.end - own.end % kShardsOfGroup;
  if (shard == 0 && whole_groups > 0) {
    sums.push_back({0, whole_groups});
    shard = whole_groups;
  }
  while (shard < own.end) {
    const int64_t place = shard % kShardsOfGroup;
    const int64_t end = place == 0 ? std::min(shard + kShardsOfGroup, own.end) : shard + 1;
    sums.push_back({shard, end});
    shard = end;
  }
  return sums;
}

void ShardSums::begin(const std::vector<ShardPlace>& places, int64_t size) {
  const bool needed = std::any_of(places.begin(), places.end(), [](const ShardPlace& place) {
    return !place.in_first_group && !(place.begins_group && place.ends_group);
  });
  if (needed && group_.size() < size) group_ = runtime::AlignedBuffer(size);
}

void ShardSums::add(const ShardPlace& place, const ParameterRange& range, const float* values,
                    int threads, float* sums) {
  float* const total = sums + range.first;
  const bool alone = place.begins_group && place.ends_group;
  if (!place.in_first_group && alone) return add_to(total, values, range.count, threads);
  float* const group = place.in_first_group ? total : group_.data() + range.first;
  if (place.begins_group) {
    std::copy_n(values, range.count, group);
  } else {
    add_to(group, values, range.count, threads);
  }
  if (place.ends_group && !place.in_first_group) add_to(total, group, range.count, threads);
}

}  // namespace cnnx::training
