// The shards of a batch: contiguous parts, whose gradients are computed one by one and added in one
// fixed order. Neither depends on the processes that compute them.
//
// Shards are added in groups of eight: each group in order, then the groups in order. A single
// process so holds at most two sums, and processes that have whole groups each pass on one.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cnnx/trainer.h"
#include "runtime/memory.h"
#include "training/loss.h"
#include "training/parameter_segments.h"

namespace cnnx::training {

constexpr int64_t kShardsOfGroup = 8;

// Some rows of a batch or of an epoch.
struct Rows {
  int64_t first = 0, count = 0;
};

// Those of a shard of `rows` rows. Sizes differ by at most one; with fewer rows than shards some
// are empty.
Rows rows_of_shard(int64_t rows, int64_t shards, int64_t shard);

// Consecutive shards from `first` to before `end`.
struct ShardSpan {
  int64_t first = 0, end = 1;
};

// Where a sum is added to those before it.
struct ShardPlace {
  bool in_first_group, begins_group, ends_group;
};

// The places of sums over spans, which are in order and cover all shards with rows. A span is part
// of one group, unless it is the first and covers whole groups.
std::vector<ShardPlace> places_of(const std::vector<ShardSpan>& spans);

// The sums that a process with `own` of all shards can take by itself, in order: whole groups and
// the beginnings of groups, single shards elsewhere; the first process adds up its whole groups.
std::vector<ShardSpan> sums_of(const ShardSpan& own, int64_t shards);

// Adds arrays of one length, range by range, in the order of their places.
class ShardSums {
 public:
  // Before the first values of a step: what `places` need of memory for arrays of `size` floats.
  void begin(const std::vector<ShardPlace>& places, int64_t size);
  // `values` are those of the range alone; `sums` is the whole array.
  void add(const ShardPlace& place, const ParameterRange& range, const float* values, int threads,
           float* sums);
  void release() { group_ = runtime::AlignedBuffer(); }

 private:
  runtime::AlignedBuffer group_;  // the sum of a group other than the first
};

// The rows of one shard.
struct ShardInput {
  const float* images;  // normalised
  Targets targets;
};

// A batch whose shards are made one at a time.
struct ShardedBatch {
  int64_t rows;  // of all shards
  LossDivisor divisor;
  // Makes a shard, which is valid until the next call.
  std::function<ShardInput(int64_t shard)> input;
};

}  // namespace cnnx::training
