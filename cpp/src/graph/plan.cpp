// Places every array of an execution in the arena and runs the nodes in order, forward and
// backward.
#include "graph/plan.h"

#include <algorithm>
#include <array>

namespace cnnx::graph {
namespace {

constexpr int kMostParameters = 8;  // arrays of one layer: far above any layer's

}  // namespace

Plan::Plan(const Graph& graph, int64_t batch, Mode mode)
    : graph_(graph), batch_(batch), mode_(mode) {
  for (std::size_t id = 0; id < graph.nodes().size(); ++id) {
    const Node& node = graph.nodes()[id];
    Step step{};
    step.node = static_cast<int>(id);
    step.op = node.op->bind(with_batch(batch, node.input_shape));
    if (!step.op) continue;
    for (int i = 0; i < node.parameter_count; ++i) {
      step.parameters.push_back(
          graph.parameters()[static_cast<std::size_t>(node.first_parameter + i)].offset);
    }
    steps_.push_back(std::move(step));
  }
  place_outputs(mode);
  if (mode == Mode::training) place_gradients();
}

void Plan::place_outputs(Mode mode) {
  const auto floats = [&](int id) {
    return runtime::round_up_to_line(element_count(
        with_batch(batch_, graph_.nodes()[static_cast<std::size_t>(id)].output_shape)));
  };
  // Inference: two buffers, each as large as the largest output that lands in it.
  std::array<int64_t, 2> turn_floats{0, 0};
  std::vector<int> turn(steps_.size(), 0);
  std::vector<bool> in_place(steps_.size(), false);
  int next = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    // Writing over the previous output is right when nothing reads it again.
    const bool previous_is_ours = i > 0;
    in_place[i] = previous_is_ours && mode != Mode::all_outputs && steps_[i].op->runs_in_place() &&
                  (mode == Mode::inference || !steps_[i - 1].op->backward_reads_output());
    if (!in_place[i]) next = 1 - next;
    turn[i] = next;
    auto& size = turn_floats[static_cast<std::size_t>(next)];
    size = std::max(size, floats(steps_[i].node));
  }
  int64_t previous = kCallersInput;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    step.input = previous;
    if (in_place[i]) {
      step.output = previous;
    } else if (mode == Mode::inference) {
      step.output = turn[i] == 0 ? 0 : turn_floats[0];
    } else {
      step.output = arena_floats_;
      arena_floats_ += floats(step.node);
    }
    previous = step.output;
  }
  if (mode == Mode::inference) arena_floats_ = turn_floats[0] + turn_floats[1];

  // A view's output is its input.
  std::size_t step = 0;
  int64_t output = kCallersInput;
  for (std::size_t id = 0; id < graph_.nodes().size(); ++id) {
    if (step < steps_.size() && steps_[step].node == static_cast<int>(id))
      output = steps_[step++].output;
    output_of_node_.push_back(output);
  }
}

void Plan::place_gradients() {
  int64_t most = 0;
  for (const Node& node : graph_.nodes()) {
    most = std::max(
        most, runtime::round_up_to_line(element_count(with_batch(batch_, node.output_shape))));
  }
  const std::array<int64_t, 2> buffers{arena_floats_, arena_floats_ + most};
  arena_floats_ += 2 * most;
  int turn = 0;
  grad_output_ = buffers[0];
  // A layer below which nothing is trained has no use for its input's gradient.
  bool trained_below = false;
  for (Step& step : steps_) {
    step.wants_grad_input = trained_below;
    trained_below = trained_below || !step.parameters.empty();
  }
  for (std::size_t i = steps_.size(); i-- > 0;) {
    Step& step = steps_[i];
    step.grad_output = buffers[static_cast<std::size_t>(turn)];
    if (!step.op->runs_in_place()) turn = 1 - turn;
    step.grad_input = buffers[static_cast<std::size_t>(turn)];
  }
}

int64_t Plan::scratch_floats(int threads) const {
  int64_t most = 0;
  for (const Step& step : steps_) {
    most = std::max(most, step.op->scratch_floats(threads));
    if (mode_ == Mode::training) most = std::max(most, step.op->backward_scratch_floats(threads));
  }
  return most;
}

WorkspaceLease Plan::lease(int threads) const {
  std::unique_ptr<Workspace> workspace = pool_.take(threads);
  if (!workspace) {
    workspace = std::make_unique<Workspace>();
    workspace->arena = runtime::AlignedBuffer(arena_floats_);
    workspace->scratch = runtime::AlignedBuffer(scratch_floats(threads));
  }
  workspace->threads = threads;
  return WorkspaceLease(pool_, std::move(workspace));
}

const float* Plan::forward(const float* input, const float* parameters,
                           Workspace& workspace) const {
  float* arena = workspace.arena.data();
  const float* result = input;
  for (const Step& step : steps_) {
    std::array<const float*, kMostParameters> pointers{};
    for (std::size_t i = 0; i < step.parameters.size(); ++i)
      pointers[i] = parameters + step.parameters[i];
    float* output = arena + step.output;
    step.op->forward({step.input == kCallersInput ? input : arena + step.input, pointers.data(),
                      output, workspace.scratch.data(), workspace.threads});
    result = output;
  }
  return result;
}

const float* Plan::output_of(int id, const float* input, const Workspace& workspace) const {
  const int64_t offset = output_of_node_[static_cast<std::size_t>(id)];
  return offset == kCallersInput ? input : workspace.arena.data() + offset;
}

float* Plan::grad_output(Workspace& workspace) const {
  return workspace.arena.data() + grad_output_;
}

void Plan::backward(const float* input, const float* parameters, Workspace& workspace,
                    float* gradients) const {
  float* arena = workspace.arena.data();
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const Step& step = steps_[i];
    if (!step.wants_grad_input && step.parameters.empty()) break;
    std::array<const float*, kMostParameters> pointers{};
    std::array<float*, kMostParameters> grad_pointers{};
    for (std::size_t j = 0; j < step.parameters.size(); ++j) {
      pointers[j] = parameters + step.parameters[j];
      grad_pointers[j] = gradients + step.parameters[j];
    }
    step.op->backward({step.input == kCallersInput ? input : arena + step.input,
                       arena + step.output, pointers.data(), arena + step.grad_output,
                       step.wants_grad_input ? arena + step.grad_input : nullptr,
                       grad_pointers.data(), workspace.scratch.data(), workspace.threads,
                       /*accumulate=*/false});
  }
}

}  // namespace cnnx::graph
