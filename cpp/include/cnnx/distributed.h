// Training of one model by several processes. Each computes some of the shards of every batch
// (TrainerOptions::shards); their sums are added in one order, so the weights are the same bits for
// any number of processes that divides the number of shards.
//
// The library has no transport. A program gives the trainer a ShardExchange, which sends and
// receives by MPI, for example, as the Python package cnnx.distributed does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/export.h"

namespace cnnx {

// One of the sums that a process passes on, over the shards from `first` to before `end`. It is
// complete after the process's shard number `round`, counted from 0.
struct Contribution {
  int64_t first = 0, end = 1;
  int64_t round = 0;
};

// Those of a process, in the order of their addition. Throws std::invalid_argument unless
// `processes` divides `shards`.
CNNX_API std::vector<Contribution> contributions_of(int64_t shards, int64_t process,
                                                    int64_t processes);

// Whether a shard of the contribution has rows in a batch of `rows` rows. Others are left out.
// Throws std::invalid_argument for less than one shard.
CNNX_API bool has_rows(const Contribution& contribution, int64_t rows, int64_t shards);

// sums = the values of all contributions that have rows, in the order of processes and of each
// one's contributions. All arrays have `count` floats; `sums` is none of the others. Throws
// std::invalid_argument unless there is an array for each contribution.
CNNX_API void add_contributions(const std::vector<Contribution>& contributions,
                                const std::vector<const float*>& values, int64_t count,
                                float* sums);

// Part of the block that processes exchange: the gradients of all parameters, then the changes of
// all buffers.
struct BlockSegment {
  int64_t first = 0, count = 0;
};

// The transport of one process. The trainer calls it in every step, in the thread of the step: all
// processes see the same calls, except for the time of send().
class CNNX_API ShardExchange {
 public:
  virtual ~ShardExchange();
  // A batch of `rows` rows begins.
  virtual void begin(int64_t rows) = 0;
  // The segment of the process's contribution of this round, if it has one, is complete in
  // Trainer::contribution. Rounds ascend, and within a round segments are in the order of
  // Trainer::segments. Called for every round in which some process completes a contribution,
  // during backward where possible.
  virtual void send(int64_t round, int64_t segment) = 0;
  // Returns when the sums of all segments are in Trainer::shard_sums.
  virtual void finish() = 0;
  // A table of `rows` rows and `columns` columns, of which each process has filled those from rows
  // * process / processes on: fills the others.
  virtual void share(double* table, int64_t rows, int64_t columns) = 0;
  // The text of one process, for all.
  virtual std::string share(const std::string& text, int64_t process) = 0;
};

}  // namespace cnnx
