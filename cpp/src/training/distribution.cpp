// Divides the block into segments, and adds and sends the sums of a process's shards.
#include "training/distribution.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "cnnx/shape.h"

namespace cnnx::training {
namespace {

// A segment costs each process a few messages, which take as long as this many floats. The exchange
// of a small model still begins while the backward of its first layers runs.
constexpr int64_t kLeastSegmentFloats = 64 * 1024, kUsualSegmentFloats = 1024 * 1024;
constexpr int64_t kSegmentsOfSmallModel = 8;

// In the order in which backward completes them: parameters from the last to the first, buffers.
std::vector<BlockSegment> segments_of(const graph::Graph& graph) {
  std::vector<BlockSegment> segments;
  const int64_t parameters = graph.parameters().floats(), buffers = graph.buffers().floats();
  int64_t end = parameters;
  const int64_t least =
      std::clamp(parameters / kSegmentsOfSmallModel, kLeastSegmentFloats, kUsualSegmentFloats);
  const std::vector<ParameterInfo>& infos = graph.parameters().infos();
  for (auto info = infos.rbegin(); info != infos.rend(); ++info) {
    const bool first = info + 1 == infos.rend();
    const int64_t from = first ? 0 : info->offset;
    if (end - from < least && !first) continue;
    segments.push_back({from, end - from});
    end = from;
  }
  if (buffers > 0) segments.push_back({parameters, buffers});
  return segments;
}

}  // namespace

Distribution::Distribution(const graph::Graph& graph, int64_t shards, int64_t process,
                           int64_t processes, std::shared_ptr<ShardExchange> exchange)
    : graph_(graph),
      shards_(shards),
      process_(process),
      processes_(processes),
      exchange_(std::move(exchange)),
      floats_(graph.parameters().floats() + graph.buffers().floats()),
      segments_(segments_of(graph)),
      contributions_(contributions_of(shards, process, processes)) {
  const int64_t each = shards / processes;
  own_ = {process * each, (process + 1) * each};
  rounds_.resize(static_cast<std::size_t>(each));
  for (int64_t other = 0; other < processes; ++other)
    for (const Contribution& contribution : contributions_of(shards, other, processes))
      rounds_[static_cast<std::size_t>(contribution.round)] = true;
  for (std::size_t i = 0; i < contributions_.size(); ++i) blocks_.emplace_back(floats_);
}

float* Distribution::contribution(int64_t number) {
  const auto count = static_cast<int64_t>(blocks_.size());
  if (number >= 0 && number < count) return blocks_[static_cast<std::size_t>(number)].data();
  throw std::invalid_argument("contribution: number is " + std::to_string(number) +
                              ", expected 0 to " + std::to_string(count - 1));
}

void Distribution::begin(int64_t rows, const std::vector<bool>& trained) {
  own_shards_.assign(rounds_.size(), {});
  for (std::size_t i = 0; i < contributions_.size(); ++i) {
    std::vector<ShardSpan> spans;
    for (int64_t shard = contributions_[i].first; shard < contributions_[i].end; ++shard)
      if (rows_of_shard(rows, shards_, shard).count > 0) spans.push_back({shard, shard + 1});
    const std::vector<ShardPlace> places = places_of(spans);
    for (std::size_t k = 0; k < spans.size(); ++k)
      own_shards_[static_cast<std::size_t>(spans[k].first - own_.first)] = {i, places[k]};
    sums_.begin(places, floats_);
  }
  written_.assign(segments_.size(), 0);
  const std::vector<ParameterInfo>& infos = graph_.parameters().infos();
  for (std::size_t k = 0; k < infos.size(); ++k)
    if (trained[k])
      count_in_segments({infos[k].offset, element_count(infos[k].shape)}, 1, written_);
  const int64_t parameters = graph_.parameters().floats();
  count_in_segments({parameters, floats_ - parameters}, 1, written_);
  exchange_->begin(rows);
}

void Distribution::count_in_segments(const ParameterRange& range, int64_t sign,
                                     std::vector<int64_t>& counts) const {
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const int64_t first = std::max(range.first, segments_[i].first);
    const int64_t end =
        std::min(range.first + range.count, segments_[i].first + segments_[i].count);
    counts[i] += sign * std::max<int64_t>(0, end - first);
  }
}

bool Distribution::completes(int64_t shard) const {
  return std::any_of(contributions_.begin(), contributions_.end(),
                     [&](const Contribution& each) { return each.end == shard + 1; });
}

bool Distribution::is_round(int64_t round) const {
  return rounds_[static_cast<std::size_t>(round)];
}

void Distribution::begin_shard(int64_t shard) {
  missing_ = written_;
  sent_ = 0;
  // Nothing to wait for: receives what others send.
  if (!completes(shard)) end_shard(shard);
}

void Distribution::add(int64_t shard, const ParameterRange& range, const float* values) {
  const OwnShard& own = own_shards_[static_cast<std::size_t>(shard - own_.first)];
  sums_.add(own.place, range, values, get_num_threads(), blocks_[own.contribution].data());
  if (!completes(shard)) return;
  count_in_segments(range, -1, missing_);
  std::size_t complete = sent_;
  while (complete < segments_.size() && missing_[complete] == 0) ++complete;
  send(shard - own_.first, complete);
}

void Distribution::end_shard(int64_t shard) { send(shard - own_.first, segments_.size()); }

void Distribution::send(int64_t round, std::size_t before) {
  if (!is_round(round)) return;
  for (; sent_ < before; ++sent_) exchange_->send(round, static_cast<int64_t>(sent_));
}

void Distribution::share(std::vector<LossSum>& sums, int64_t in_a_row) {
  std::vector<std::array<double, 4>> table;
  for (const LossSum& sum : sums)
    table.push_back({sum.sum, sum.weight, sum.correct, sum.row_weight});
  const int64_t rows = static_cast<int64_t>(table.size()) / in_a_row;
  exchange_->share(table.front().data(), rows, 4 * in_a_row);
  for (std::size_t i = 0; i < sums.size(); ++i)
    sums[i] = {table[i][0], table[i][1], table[i][2], table[i][3]};
}

void Distribution::clear() {
  for (runtime::AlignedBuffer& block : blocks_) std::fill_n(block.data(), block.size(), 0.0f);
}

}  // namespace cnnx::training

namespace cnnx {

using training::ShardSpan;

ShardExchange::~ShardExchange() = default;

std::vector<Contribution> contributions_of(int64_t shards, int64_t process, int64_t processes) {
  if (processes < 1 || shards < 1 || shards % processes != 0 || process < 0 ||
      process >= processes) {
    throw std::invalid_argument("distribute: there are " + std::to_string(shards) +
                                " shards for process " + std::to_string(process) + " of " +
                                std::to_string(processes) +
                                ", expected a number of processes that divides the shards");
  }
  const int64_t each = shards / processes;
  std::vector<Contribution> found;
  for (const ShardSpan& span : training::sums_of({process * each, (process + 1) * each}, shards))
    found.push_back({span.first, span.end, span.end - 1 - process * each});
  return found;
}

bool has_rows(const Contribution& contribution, int64_t rows, int64_t shards) {
  if (shards < 1) {
    throw std::invalid_argument("has_rows: shards is " + std::to_string(shards) +
                                ", expected at least 1");
  }
  return rows * contribution.first / shards < rows * contribution.end / shards;
}

void add_contributions(const std::vector<Contribution>& contributions,
                       const std::vector<const float*>& values, int64_t count, float* sums) {
  if (values.size() != contributions.size()) {
    throw std::invalid_argument("add_contributions: values has " + std::to_string(values.size()) +
                                " arrays, expected one for each of " +
                                std::to_string(contributions.size()) + " contributions");
  }
  std::vector<ShardSpan> spans;
  for (const Contribution& each : contributions) spans.push_back({each.first, each.end});
  const std::vector<training::ShardPlace> places = training::places_of(spans);
  training::ShardSums adding;
  adding.begin(places, count);
  for (std::size_t i = 0; i < places.size(); ++i)
    adding.add(places[i], {0, count}, values[i], get_num_threads(), sums);
}

}  // namespace cnnx
