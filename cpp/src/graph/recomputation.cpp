// Searches for the arrays to save with which a train step needs the least memory.
#include "graph/recomputation.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace cnnx::graph {
namespace {

// A smaller array often stays in a cache until backward, and saves little memory.
constexpr int64_t kLeastDropped = 128 * 1024;

Recomputation save_everything(const Chain& chain) {
  const std::size_t values = chain.values().size();
  return {std::vector<bool>(values, false), std::vector<bool>(values, false)};
}

// A place between two steps where a single array connects the steps before with those after.
struct Cut {
  std::size_t value;
  int after;  // a step
};

std::vector<Cut> find_cuts(const Chain& chain) {
  // Values that are read after a step, as changes from one step to the next: their number, and the
  // sum of their indices, which is the index itself if there is one.
  const std::size_t steps = chain.steps().size();
  std::vector<int64_t> counts(steps + 1), indices(steps + 1);
  for (std::size_t value = 0; value < chain.values().size(); ++value) {
    const Value& each = chain.values()[value];
    if (value == kCallersInput || each.readers.empty()) continue;
    const auto first = static_cast<std::size_t>(each.producer);
    const auto last = static_cast<std::size_t>(each.readers.back());
    ++counts[first], --counts[last];
    indices[first] += static_cast<int64_t>(value), indices[last] -= static_cast<int64_t>(value);
  }
  std::vector<Cut> cuts;
  int64_t count = 0, index = 0;
  for (std::size_t step = 0; step < steps; ++step) {
    count += counts[step], index += indices[step];
    const auto value = static_cast<std::size_t>(index);
    if (count == 1 && (cuts.empty() || cuts.back().value != value))
      cuts.push_back({value, static_cast<int>(step)});
  }
  return cuts;
}

class Search {
 public:
  Search(const Chain& chain, const GradientFlow& flow, const TrainingMemory& memory);
  Recomputation least_memory();

 private:
  // The steps between two saved cuts.
  struct Segment {
    int first, last;
  };
  using Cuts = std::vector<std::size_t>;  // indices of the saved ones

  bool is_quick(std::size_t value) const {
    const int producer = chain_->values()[value].producer;
    return producer >= 0 && step(producer).op->traits().recomputes_quickly;
  }
  const Step& step(int index) const { return chain_->steps()[static_cast<std::size_t>(index)]; }
  int64_t between(int after, int until) const {
    return sums_[static_cast<std::size_t>(until + 1)] - sums_[static_cast<std::size_t>(after + 1)];
  }
  int64_t floats(const Cut& cut) const { return chain_->values()[cut.value].floats(); }
  bool choose_cuts(int64_t most, Cuts& chosen) const;
  Recomputation save_only(const Cuts& cuts) const;
  int64_t most_floats(const Recomputation& recomputation) const {
    return TrainingTimeline(*chain_, *flow_, recomputation, memory_).most_floats();
  }
  void save_more(const Cuts& cuts, int64_t most, Recomputation& recomputation) const;

  const Chain* chain_;
  const GradientFlow* flow_;
  TrainingMemory memory_;
  std::vector<Cut> cuts_;
  std::vector<int64_t> sums_;  // floats of the outputs of the first steps, without quick ones
};

Search::Search(const Chain& chain, const GradientFlow& flow, const TrainingMemory& memory)
    : chain_(&chain), flow_(&flow), memory_(memory), cuts_(find_cuts(chain)), sums_{0} {
  for (const Step& each : chain.steps()) {
    const int64_t floats = is_quick(each.output) ? 0 : chain.values()[each.output].floats();
    sums_.push_back(sums_.back() + floats);
  }
}

// The cuts with the fewest floats between which no segment has more than `most`.
bool Search::choose_cuts(int64_t most, Cuts& chosen) const {
  constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  const std::size_t end = cuts_.size();
  std::vector<int64_t> least(end + 1, kNever);  // floats of the cuts up to and with this one
  std::vector<std::size_t> before(end + 1, kNothing);
  for (std::size_t to = 0; to <= end; ++to) {
    const int until = to < end ? cuts_[to].after : static_cast<int>(chain_->steps().size()) - 1;
    const int64_t own = to < end ? floats(cuts_[to]) : 0;
    const int64_t saved = to < end && !is_quick(cuts_[to].value) ? own : 0;
    if (between(-1, until) - saved <= most) least[to] = own;
    for (std::size_t from = 0; from < to; ++from) {
      if (least[from] == kNever || between(cuts_[from].after, until) - saved > most) continue;
      if (least[from] + own < least[to]) {
        least[to] = least[from] + own;
        before[to] = from;
      }
    }
  }
  chosen.clear();
  if (least[end] == kNever) return false;
  for (std::size_t at = before[end]; at != kNothing; at = before[at]) chosen.push_back(at);
  return true;
}

Recomputation Search::save_only(const Cuts& cuts) const {
  Recomputation all = save_everything(*chain_);
  for (const Step& each : chain_->steps()) {
    if (chain_->values()[each.output].readers.empty()) continue;  // the result
    all.dropped[each.output] = true;
    all.brief[each.output] = is_quick(each.output);
  }
  for (const std::size_t cut : cuts) all.dropped[cuts_[cut].value] = false;
  return all;
}

// Saves the outputs of whole segments, the last first, where the step needs no more than `most`.
void Search::save_more(const Cuts& cuts, int64_t most, Recomputation& recomputation) const {
  int last = static_cast<int>(chain_->steps().size()) - 1;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {  // the last cut is the first
    const int first = i < cuts.size() ? cuts_[cuts[i]].after + 1 : 0;
    for (const bool quick : {true, false}) {
      Recomputation more = recomputation;
      for (int each = first; each <= last; ++each) {
        const std::size_t value = step(each).output;
        if (quick || !is_quick(value)) more.dropped[value] = false;
      }
      if (most_floats(more) > most) continue;
      recomputation = std::move(more);
      break;
    }
    last = first - 1;
  }
}

Recomputation Search::least_memory() {
  constexpr int kTrials = 16;
  Recomputation best = save_everything(*chain_);
  Cuts best_cuts, cuts;
  int64_t least = most_floats(best);
  double most = static_cast<double>(sums_.back());
  for (int i = 0; i < kTrials; ++i, most *= 0.7) {
    if (!choose_cuts(static_cast<int64_t>(most), cuts)) break;
    Recomputation trial = save_only(cuts);
    const int64_t needed = most_floats(trial);
    if (needed >= least) continue;
    best = std::move(trial);
    best_cuts = cuts;
    least = needed;
  }
  save_more(best_cuts, least, best);
  return best;
}

// Whether a backward reads the value, as an input or as an output. Of a value that its reader
// computes, which has no array of its own: whether one reads what it is computed from.
bool is_saved(const Chain& chain, const Value& value) {
  if (value.producer >= 0) {
    const Step& step = chain.steps()[static_cast<std::size_t>(value.producer)];
    if (step.left_to_reader) return is_saved(chain, chain.values()[step.inputs[0]]);
  }
  const auto traits = [&](int step) {
    return chain.steps()[static_cast<std::size_t>(step)].op->traits();
  };
  return (value.producer >= 0 && traits(value.producer).backward_reads_output) ||
         std::any_of(value.readers.begin(), value.readers.end(),
                     [&](int reader) { return traits(reader).backward_reads_input; });
}

// Whether a value that is saved so far could be computed again from others that stay saved.
bool may_be_dropped(const Chain& chain, const Recomputation& recomputation, const Step& step) {
  const auto stays = [&](std::size_t input) {
    return input == kCallersInput ||
           (!recomputation.dropped[input] && is_saved(chain, chain.values()[input]));
  };
  const Value& output = chain.values()[step.output];
  return !step.left_to_reader && !recomputation.dropped[step.output] && is_saved(chain, output) &&
         !output.readers.empty() && std::all_of(step.inputs.begin(), step.inputs.end(), stays);
}

// With this value dropped, and those saved that would be computed again from it.
Recomputation dropping(const Chain& chain, Recomputation recomputation, std::size_t value) {
  const std::vector<Value>& values = chain.values();
  for (const Step& step : chain.steps()) {
    const bool reads = std::any_of(step.inputs.begin(), step.inputs.end(),
                                   [&](std::size_t input) { return values[input].array == value; });
    if (reads && !step.left_to_reader) recomputation.dropped[step.output] = false;
  }
  for (std::size_t other = 0; other < values.size(); ++other)
    if (values[other].array == value) recomputation.dropped[other] = true;
  return recomputation;
}

}  // namespace

Recomputation save_slow(const Chain& chain) {
  // A dropped sum may read a dropped sum, and that one another: they are all needed at once.
  constexpr int kMostSums = 2;
  Recomputation result = save_everything(chain);
  const std::vector<Value>& values = chain.values();
  std::vector<int> sums(values.size());  // dropped ones in a row, up to and with this value
  for (const Step& step : chain.steps()) {
    const Value& output = values[step.output];
    if (!step.op->traits().recomputes_quickly || output.elements < kLeastDropped ||
        output.readers.empty() || !is_saved(chain, output))
      continue;
    int before = 0;
    bool available = true;
    for (const std::size_t input : step.inputs) {
      before = std::max(before, sums[input]);
      available = available && (result.dropped[input] || input == kCallersInput ||
                                is_saved(chain, values[input]));
    }
    const int own = before + (step.inputs.size() > 1 ? 1 : 0);
    if (!available || own > kMostSums) continue;
    result.dropped[step.output] = true;
    sums[step.output] = own;
  }
  return result;
}

Recomputation save_costly(const Chain& chain, const GradientFlow& flow,
                          const TrainingMemory& memory) {
  constexpr int64_t kMostCost = 12;   // this part of the multiply-adds of forward
  constexpr int64_t kLeastGain = 20;  // this part of the peak
  const auto most_floats = [&](const Recomputation& recomputation) {
    return TrainingTimeline(chain, flow, recomputation, memory).most_floats();
  };
  Recomputation best = save_slow(chain);
  int64_t peak = most_floats(best), left = chain.multiply_adds() / kMostCost;
  for (;;) {
    std::optional<Recomputation> better;
    int64_t least = peak - peak / kLeastGain, cost = 0;
    for (const Step& step : chain.steps()) {
      const int64_t own = step.op->multiply_adds();
      if (own == 0 || own > left || chain.values()[step.output].elements < peak / kLeastGain ||
          !may_be_dropped(chain, best, step))
        continue;
      Recomputation trial = dropping(chain, best, step.output);
      const int64_t needed = most_floats(trial);
      // Of equal ones the first, whose memory is free for the longest time.
      if (needed > least || (better && needed == least)) continue;
      better = std::move(trial);
      least = needed, cost = own;
    }
    if (!better) return best;
    best = *std::move(better);
    peak = least, left -= cost;
  }
}

Recomputation save_little(const Chain& chain, const GradientFlow& flow,
                          const TrainingMemory& memory) {
  return Search(chain, flow, memory).least_memory();
}

}  // namespace cnnx::graph
