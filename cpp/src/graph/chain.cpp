// Binds nodes to steps, gives their arrays places, runs them.
#include "graph/chain.h"

#include <algorithm>
#include <array>

#include "runtime/add_time.h"
#include "runtime/memory.h"

namespace cnnx::graph {
namespace {

constexpr int kMostParameters = 8;  // arrays of one layer: far above any layer's

using Pointers = std::array<const float*, kMostParameters>;

Pointers parameters_of(const Step& step, const float* parameters) {
  Pointers pointers{};
  for (std::size_t i = 0; i < step.parameters.size(); ++i)
    pointers[i] = parameters + step.parameters[i];
  return pointers;
}

int64_t kept_floats(const Step& step) {
  return runtime::round_up_to_line((step.op->kept_bytes() + 3) / 4);
}

}  // namespace

Chain::Chain(const Graph& graph, int first, int last, int64_t batch, Keep keep, int64_t derived)
    : derived_end_(derived) {
  bind(graph, first, last, batch, keep != Keep::everything);
  place(keep);
}

void Chain::bind(const Graph& graph, int first, int last, int64_t batch, bool fuses) {
  for (int id = first; id < last; ++id) {
    const Node& node = graph.node(id);
    const Shape input = with_batch(batch, node.input_shape);
    Step step{};
    step.first_node = id;
    const auto takes = [&](ops::Follower wanted) {
      if (!fuses || id + 1 == last) return false;
      const Node& next = graph.node(id + 1);
      const bool fits = next.op->follower(with_batch(batch, next.input_shape)) == wanted &&
                        node.op->takes_in(wanted, input);
      if (fits) ++id;
      return fits;
    };
    step.fusion.relu = takes(ops::Follower::relu);
    step.fusion.max_pool = takes(ops::Follower::max_pool_2x2);
    step.last_node = id;
    step.op = node.op->bind_fused(input, step.fusion);
    output_floats_ = element_count(with_batch(batch, graph.node(id).output_shape));
    if (!step.op) continue;
    step.output_floats = output_floats_;
    step.derived = derived_end_;
    derived_end_ += runtime::round_up_to_line(step.op->derived_floats());
    for (int i = 0; i < node.parameter_count; ++i) {
      step.parameters.push_back(
          graph.parameters()[static_cast<std::size_t>(node.first_parameter + i)].offset);
    }
    steps_.push_back(std::move(step));
  }
}

void Chain::place(Keep keep) {
  const auto floats = [](const Step& step) {
    return runtime::round_up_to_line(step.output_floats);
  };
  // Writing over the previous output is right when nothing reads it again; the caller's input is
  // not ours.
  const auto in_place = [&](std::size_t i) {
    return i > 0 && keep != Keep::everything && steps_[i].op->runs_in_place() &&
           (keep == Keep::nothing || !steps_[i - 1].op->backward_reads_output());
  };
  // Keep::nothing: two buffers, each as large as the largest output that lands in it.
  std::array<int64_t, 2> turn_floats{0, 0};
  std::vector<std::size_t> turns;
  std::size_t turn = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (!in_place(i)) turn = 1 - turn;
    turns.push_back(turn);
    turn_floats[turn] = std::max(turn_floats[turn], floats(steps_[i]));
  }
  if (keep == Keep::nothing) arena_floats_ = turn_floats[0] + turn_floats[1];
  int64_t previous = kCallersInput;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    step.input = previous;
    if (in_place(i)) {
      step.output = previous;
    } else if (keep == Keep::nothing) {
      step.output = turns[i] == 0 ? 0 : turn_floats[0];
    } else {
      step.output = arena_floats_;
      arena_floats_ += floats(step);
    }
    step.kept = arena_floats_;
    if (keep == Keep::for_backward) arena_floats_ += kept_floats(step);
    previous = step.output;
  }
  keeps_ = keep == Keep::for_backward;
}

int64_t Chain::scratch_floats(int threads) const {
  int64_t most = 0;
  for (const Step& step : steps_) most = std::max(most, step.op->scratch_floats(threads));
  return most;
}

int64_t Chain::products() const {
  int64_t sum = 0;
  for (const Step& step : steps_) sum += step.op->products();
  return sum;
}

void Chain::derive(const float* parameters, int threads, float* derived) const {
  for (const Step& step : steps_) {
    const Pointers pointers = parameters_of(step, parameters);
    step.op->derive(pointers.data(), threads, derived + step.derived);
  }
}

const float* Chain::forward(const ChainArguments& a, float* output) const {
  const float* result = a.input;
  for (const Step& step : steps_) {
    const runtime::AddTime time(a.times ? &a.times->forward[index_of(step)] : nullptr);
    const Pointers pointers = parameters_of(step, a.parameters);
    const bool last = &step == &steps_.back();
    float* const target = last && output ? output : a.arena + step.output;
    const bool keeps = keeps_ && step.op->kept_bytes() > 0;
    ops::ForwardArguments forward;
    forward.input = input_of(step, a);
    forward.parameters = pointers.data();
    if (a.derived && step.op->derived_floats() > 0) forward.derived = a.derived + step.derived;
    forward.output = target;
    forward.kept = keeps ? kept_by(step, a) : nullptr;
    forward.scratch = a.scratch;
    forward.threads = a.threads;
    forward.weights_end_is_cached = a.weights_end_is_cached;
    step.op->forward(forward);
    result = target;
  }
  return result;
}

void Chain::backward(const Step& step, const ChainArguments& a, const StepGradients& g) const {
  const runtime::AddTime time(a.times ? &a.times->backward[index_of(step)] : nullptr);
  const Pointers pointers = parameters_of(step, a.parameters);
  std::array<float*, kMostParameters> gradients{};
  for (std::size_t i = 0; i < step.parameters.size(); ++i)
    gradients[i] = g.parameters + step.parameters[i];
  ops::BackwardArguments backward;
  backward.input = input_of(step, a);
  backward.output = a.arena + step.output;
  backward.kept = kept_by(step, a);
  backward.parameters = pointers.data();
  backward.grad_output = g.output;
  backward.grad_output_through = g.output_through;
  backward.grad_input = g.input;
  backward.grad_input_through = g.input_through;
  backward.grad_parameters = gradients.data();
  backward.scratch = a.scratch;
  backward.threads = a.threads;
  step.op->backward(backward);
}

const float* Chain::output_of(int id, const ChainArguments& a) const {
  // A view's output is its input.
  const float* output = a.input;
  for (const Step& step : steps_) {
    if (step.last_node > id) break;
    output = a.arena + step.output;
  }
  return output;
}

}  // namespace cnnx::graph
