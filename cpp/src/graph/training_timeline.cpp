// Puts the events of a train step in order, then finds how long each array lives.
#include "graph/training_timeline.h"

#include <algorithm>

#include "runtime/memory.h"

namespace cnnx::graph {
namespace {

// Smaller scratch is the same memory for all steps, which stays in a cache. Larger scratch lies
// where the arena has room at that time.
constexpr int64_t kLargeScratch = 512 * 1024;

}  // namespace

TrainingTimeline::TrainingTimeline(const Chain& chain, const GradientFlow& flow,
                                   const Recomputation& recomputation, const TrainingMemory& memory)
    : chain_(&chain),
      available_(chain.values().size(), true),
      current_(chain.values().size(), kNothing),
      backward_times_(chain.steps().size(), -1) {
  const int count = static_cast<int>(chain.steps().size());
  for (int i = 0; i < count; ++i) add_forward(i, TrainingEvent::Kind::forward);
  if (count > 0) read(step_of(count - 1).output);
  events_.push_back({TrainingEvent::Kind::loss});
  for (std::size_t value = 0; value < available_.size(); ++value)
    available_[value] = value == kCallersInput || !recomputation.dropped[value];
  for (std::size_t value = 0; value < available_.size(); ++value)
    if (available_[value]) available_[chain.values()[value].array] = true;
  for (int i = count; i-- > 0;) {
    if (!flow.steps()[static_cast<std::size_t>(i)].runs) continue;
    add_backward(i);
    forget_brief(recomputation.brief);
  }
  assign_arena_buffers();
  add_saved();
  add_scratch(memory.threads);
  if (!memory.keeps_gradients) add_parameter_gradients(flow);
  add_gradients(flow);
}

// The lifetime of a value that the next event reads.
std::size_t TrainingTimeline::read(std::size_t value) {
  value = chain_->values()[value].array;
  if (value == kCallersInput) return kNothing;
  lifetimes_[current_[value]].last = now();
  return current_[value];
}

void TrainingTimeline::add_forward(int index, TrainingEvent::Kind kind) {
  const Step& step = step_of(index);
  TrainingEvent event{kind, index};
  for (const std::size_t input : step.inputs) event.inputs.push_back(read(input));
  if (!step.left_to_reader) {
    event.output = current_[step.output] = lifetimes_.size();
    lifetimes_.push_back({step.output, now(), now(), kNothing});
  }
  events_.push_back(std::move(event));
}

void TrainingTimeline::add_backward(int index) {
  const Step& step = step_of(index);
  const ops::BoundOpTraits traits = step.op->traits();
  if (traits.backward_reads_input) {
    for (const std::size_t input : step.inputs) provide(input);
  }
  if (traits.backward_reads_output) provide(step.output);
  TrainingEvent event{TrainingEvent::Kind::backward, index};
  for (const std::size_t input : step.inputs)
    event.inputs.push_back(traits.backward_reads_input ? read(input) : kNothing);
  if (traits.backward_reads_output) event.output = read(step.output);
  backward_times_[static_cast<std::size_t>(index)] = now();
  events_.push_back(std::move(event));
}

// Computes a value again unless it is available, after the values that it depends on.
void TrainingTimeline::provide(std::size_t value) {
  value = chain_->values()[value].array;
  if (available_[value]) return;
  const int producer = chain_->values()[value].producer;
  for (const std::size_t input : step_of(producer).inputs) provide(input);
  add_forward(producer, TrainingEvent::Kind::again);
  available_[value] = true;
  provided_.push_back(value);
}

// After a backward: frees those brief arrays that it did not read itself.
void TrainingTimeline::forget_brief(const std::vector<bool>& brief) {
  for (const std::size_t value : provided_) {
    const bool was_read = lifetimes_[current_[value]].last == now() - 1;
    if (brief[value] && !was_read) available_[value] = false;
  }
  provided_.clear();
}

void TrainingTimeline::assign_arena_buffers() {
  for (TrainingEvent& event : events_) {
    const int time = time_of(event);
    const auto buffer_of = [&](std::size_t lifetime) {
      return lifetime == kNothing ? kNothing : lifetimes_[lifetime].arena_buffer;
    };
    if (event.kind != TrainingEvent::Kind::backward && event.output != kNothing) {
      const Step& step = step_of(event.step);
      const auto lifetime_of = [&](std::size_t value) {
        const auto found = std::find(step.inputs.begin(), step.inputs.end(), value);
        return event.inputs[static_cast<std::size_t>(found - step.inputs.begin())];
      };
      Lifetime& output = lifetimes_[event.output];
      const std::size_t overwritten = chain_->overwritten_input(
          step, [&](std::size_t value) { return lifetimes_[lifetime_of(value)].last == time; });
      if (overwritten != kNothing) {
        output.arena_buffer = lifetimes_[lifetime_of(overwritten)].arena_buffer;
        arena_buffers_[output.arena_buffer].last = output.last;
      } else {
        output.arena_buffer = arena_buffers_.size();
        const int64_t floats = chain_->values()[output.value].floats();
        arena_buffers_.push_back({runtime::round_up_to_line(floats), time, output.last});
      }
    }
    for (std::size_t& input : event.inputs) input = buffer_of(input);
    event.output = buffer_of(event.output);
  }
}

// What forward saves besides: from its first run, or the last one if that saves it anew, to
// backward or to the last run of a reader that normalises with it.
void TrainingTimeline::add_saved() {
  saved_.assign(chain_->steps().size(), kNothing);
  std::vector<int> last_forward(chain_->steps().size());
  for (const TrainingEvent& event : events_) {
    if (event.step >= 0 && event.kind != TrainingEvent::Kind::backward)
      last_forward[static_cast<std::size_t>(event.step)] = time_of(event);
  }
  for (TrainingEvent& event : events_) {
    if (event.step < 0) continue;
    const int time = time_of(event);
    const Step& step = step_of(event.step);
    if (step.fusion.normalises_input)
      arena_buffers_[saved(chain_->values()[step.inputs[0]].producer)].last = time;
    const int64_t bytes = step.op->saved_bytes();
    const bool saves_later = step.op->traits().every_forward_saves &&
                             time < last_forward[static_cast<std::size_t>(event.step)];
    if (bytes == 0 || saves_later) continue;
    std::size_t& saved = saved_[static_cast<std::size_t>(event.step)];
    if (saved == kNothing) {
      saved = arena_buffers_.size();
      arena_buffers_.push_back({runtime::round_up_to_line((bytes + 3) / 4), time, time});
    }
    arena_buffers_[saved].last = time;
    event.saved = saved;
  }
}

void TrainingTimeline::add_scratch(int threads) {
  for (TrainingEvent& event : events_) {
    if (event.step < 0) continue;
    const int time = time_of(event);
    const ops::BoundOp& op = *step_of(event.step).op;
    const int64_t floats = event.kind == TrainingEvent::Kind::backward
                               ? op.backward_scratch_floats(threads)
                               : op.scratch_floats(threads);
    if (floats < kLargeScratch) {
      scratch_floats_ = std::max(scratch_floats_, floats);
    } else {
      event.scratch = arena_buffers_.size();
      arena_buffers_.push_back({runtime::round_up_to_line(floats), time, time});
    }
  }
}

void TrainingTimeline::add_gradients(const GradientFlow& flow) {
  first_gradient_ = arena_buffers_.size();
  const int steps = static_cast<int>(chain_->steps().size());
  const auto backward_time_of = [&](int step) {
    if (step == kAfterBackward) return now() - 1;
    return step == steps ? steps : backward_times_[static_cast<std::size_t>(step)];
  };
  for (const GradientBuffer& buffer : flow.arena_buffers())
    arena_buffers_.push_back(
        {buffer.floats, backward_time_of(buffer.first_step), backward_time_of(buffer.last_step)});
}

void TrainingTimeline::add_parameter_gradients(const GradientFlow& flow) {
  for (TrainingEvent& event : events_) {
    if (event.kind != TrainingEvent::Kind::backward) continue;
    const int64_t floats = step_of(event.step).parameter_floats;
    if (floats == 0 || !flow.steps()[static_cast<std::size_t>(event.step)].trains) continue;
    const int time = time_of(event);
    event.parameter_gradients = arena_buffers_.size();
    arena_buffers_.push_back({runtime::round_up_to_line(floats), time, time});
  }
}

int64_t TrainingTimeline::most_floats() const {
  std::vector<int64_t> changes(events_.size() + 1);
  for (const ArenaBuffer& buffer : arena_buffers_) {
    changes[static_cast<std::size_t>(buffer.first)] += buffer.floats;
    changes[static_cast<std::size_t>(buffer.last) + 1] -= buffer.floats;
  }
  int64_t now = 0, most = 0;
  for (const int64_t change : changes) {
    now += change;
    most = std::max(most, now);
  }
  return most;
}

}  // namespace cnnx::graph
