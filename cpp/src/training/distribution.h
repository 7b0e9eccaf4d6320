// The part of a distributed step that is this process's: sums of its shards, passed on segment by
// segment while backward runs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cnnx/distributed.h"
#include "graph/graph.h"
#include "runtime/memory.h"
#include "training/loss.h"
#include "training/shards.h"

namespace cnnx::training {

class Distribution {
 public:
  // Throws std::invalid_argument unless `processes` divides `shards`.
  Distribution(const graph::Graph& graph, int64_t shards, int64_t process, int64_t processes,
               std::shared_ptr<ShardExchange> exchange);

  ShardSpan own() const { return own_; }
  int64_t process() const { return process_; }
  int64_t process_of(int64_t shard) const { return shard / (own_.end - own_.first); }
  // The rows of this process in a table that all processes fill.
  Rows own_rows(int64_t rows) const { return rows_of_shard(rows, processes_, process_); }
  // Floats of the block that is exchanged.
  int64_t floats() const { return floats_; }
  const std::vector<BlockSegment>& segments() const { return segments_; }
  float* contribution(int64_t number);  // throws std::invalid_argument for a number of none
  ShardExchange& exchange() { return *exchange_; }

  // A batch begins; `trained` says for each parameter array whether backward writes its gradient.
  void begin(int64_t rows, const std::vector<bool>& trained);
  void begin_shard(int64_t shard);
  void add(int64_t shard, const ParameterRange& range, const float* values);
  void end_shard(int64_t shard);
  // Fills in the sums of other processes, by shard or in the order of their rows in a table, of
  // which each has `in_a_row` sums.
  void share(std::vector<LossSum>& sums, int64_t in_a_row = 1);
  // Sets all sums to zero, after layers have become trainable or frozen.
  void clear();

 private:
  // Where a shard's values go.
  struct OwnShard {
    std::size_t contribution = 0;
    ShardPlace place{};
  };
  void count_in_segments(const ParameterRange& range, int64_t sign,
                         std::vector<int64_t>& counts) const;
  bool completes(int64_t shard) const;
  bool is_round(int64_t round) const;
  void send(int64_t round, std::size_t before);

  const graph::Graph& graph_;
  int64_t shards_, process_, processes_;
  ShardSpan own_;
  std::shared_ptr<ShardExchange> exchange_;
  int64_t floats_;
  std::vector<BlockSegment> segments_;
  std::vector<Contribution> contributions_;
  std::vector<bool> rounds_;  // whether any process completes a contribution in it
  std::vector<runtime::AlignedBuffer> blocks_;  // of each contribution
  ShardSums sums_;
  // Of this batch: of each own shard; how many floats of each segment backward writes, and how many
  // of them it has not yet written.
  std::vector<OwnShard> own_shards_;
  std::vector<int64_t> written_, missing_;
  std::size_t sent_ = 0;  // segments of this round
};

}  // namespace cnnx::training
