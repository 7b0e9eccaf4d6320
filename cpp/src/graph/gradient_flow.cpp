// Iterates over a chain backwards and assigns every gradient an array.
#include "graph/gradient_flow.h"

#include <algorithm>

#include "runtime/memory.h"

namespace cnnx::graph {
namespace {

// Whether the value is only one input of the step, unlike in a sum with the input of a convolution.
bool reads_once(const Step& step, std::size_t input) {
  return std::count(step.inputs.begin(), step.inputs.end(), step.inputs[input]) == 1;
}

}  // namespace

GradientFlow::GradientFlow(const Chain& chain, std::size_t wanted)
    : chain_(&chain),
      wanted_(wanted),
      gradients_(chain.values().size()),
      steps_(chain.steps().size()) {
  if (wanted_ != kNothing) gradients_[wanted_].wanted = true;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = chain.steps()[i];
    steps_[i].trains = wanted_ == kNothing && !step.frozen && !step.parameters.empty();
    steps_[i].inputs.resize(step.inputs.size());
    bool below = false;
    for (const std::size_t input : step.inputs) below = below || gradients_[input].wanted;
    steps_[i].runs = below || steps_[i].trains;
    if (steps_[i].runs) gradients_[step.output].wanted = true;
  }
  const std::size_t result = steps_.empty() ? kCallersInput : chain.steps().back().output;
  output_ = new_arena_buffer(result, static_cast<int>(steps_.size()));
  gradients_[result] = {gradients_[result].wanted, true, output_};
  for (int i = static_cast<int>(steps_.size()); i-- > 0;) visit(i);
  if (wanted_ != kNothing) arena_buffers_[this->wanted()].last_step = kAfterBackward;
}

std::size_t GradientFlow::new_arena_buffer(std::size_t value, int step) {
  arena_buffers_.push_back(
      {runtime::round_up_to_line(chain_->values()[value].floats()), step, step});
  return arena_buffers_.size() - 1;
}

void GradientFlow::visit(int index) {
  const Step& step = chain_->steps()[static_cast<std::size_t>(index)];
  GradientStep& gradient = steps_[static_cast<std::size_t>(index)];
  if (!gradient.runs) return;
  const ops::BoundOpTraits traits = step.op->traits();
  gradient.output = gradients_[step.output].arena_buffer;
  arena_buffers_[gradient.output].last_step = index;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    Gradient& input = gradients_[step.inputs[i]];
    if (!input.wanted) continue;
    const bool accumulate = input.begun;
    if (!input.begun) {
      const bool same_array =
          traits.passes_gradient.contains(i)
              ? reads_once(step, i) && may_share(step.inputs[i], gradient.output, index)
              : traits.gradient_runs_in_place && !is_shared(gradient.output, index);
      input.arena_buffer = same_array ? gradient.output : new_arena_buffer(step.inputs[i], index);
      input.begun = true;
    }
    arena_buffers_[input.arena_buffer].last_step = index;
    gradient.inputs[i] = {true, input.arena_buffer, accumulate, false};
  }
  // A ReLU that the step before has fused: its mask costs least where the gradient is finished.
  if (!gradient.inputs[0].wanted || !applies_relu_mask_to(index)) return;
  gradient.inputs[0].relu_masked = true;
  steps_[static_cast<std::size_t>(chain_->values()[step.inputs[0]].producer)].output_relu_masked =
      true;
}

bool GradientFlow::applies_relu_mask_to(int index) const {
  const Step& step = chain_->steps()[static_cast<std::size_t>(index)];
  const Value& input = chain_->values()[step.inputs[0]];
  if (input.producer < 0 || input.readers.front() != index || !step.op->traits().applies_relu_mask)
    return false;
  if (step.inputs[0] == wanted_) return false;
  if (!reads_once(step, 0)) return false;  // the gradient is not finished after its first part
  // A normalisation's output is not in memory: its backward computes the mask itself.
  if (step.fusion.normalises_input) return false;
  const ops::Fusion& fusion = chain_->steps()[static_cast<std::size_t>(input.producer)].fusion;
  return fusion.relu && !fusion.max_pool;
}

// Whether the array holds another value's gradient that its producer reads after step `index`.
bool GradientFlow::is_shared(std::size_t arena_buffer, int index) const {
  for (std::size_t i = 0; i < gradients_.size(); ++i) {
    if (gradients_[i].begun && gradients_[i].arena_buffer == arena_buffer &&
        chain_->values()[i].producer < index)
      return true;
  }
  return false;
}

// Of two values that share an array, the later one is finished with it first. Until then nothing
// may be added to it or written over it.
bool GradientFlow::may_share(std::size_t value, std::size_t arena_buffer, int index) const {
  const auto& values = chain_->values();
  for (std::size_t other = 0; other < gradients_.size(); ++other) {
    if (other == value || !gradients_[other].begun ||
        gradients_[other].arena_buffer != arena_buffer || values[other].producer >= index)
      continue;
    const bool later = values[value].producer > values[other].producer;
    const Value& first = values[later ? value : other];
    const Value& second = values[later ? other : value];
    const auto reads_before = [&](const Value& read, int limit) {
      return std::any_of(read.readers.begin(), read.readers.end(),
                         [&](int reader) { return reader < index && reader >= limit; });
    };
    if (reads_before(first, 0) || reads_before(second, first.producer)) return false;
    if (first.producer >= 0 &&
        chain_->steps()[static_cast<std::size_t>(first.producer)].op->traits().changes_grad_output)
      return false;
  }
  return true;
}

}  // namespace cnnx::graph
