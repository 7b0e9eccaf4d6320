// Runs a chain forward and, along its gradients, backward.
#include "graph/training_plan.h"

#include <algorithm>
#include <array>

namespace cnnx::graph {

TrainingPlan::TrainingPlan(const Graph& graph, int64_t batch, int threads)
    : batch_(batch),
      threads_(threads),
      chain_(graph, 0, static_cast<int>(graph.nodes().size()), batch, Chain::Keep::for_backward),
      flow_(chain_) {
  chain_.assign_offsets(flow_.arena_buffers());
  scratch_floats_ = chain_.scratch_floats(threads_);
  for (const Step& step : chain_.steps())
    scratch_floats_ = std::max(scratch_floats_, step.op->backward_scratch_floats(threads_));
}

WorkspaceLease TrainingPlan::lease(WorkspacePool& pool) const {
  return pool.lease(chain_.arena_floats(), scratch_floats_);
}

ChainArguments TrainingPlan::chain_arguments(const TrainingArguments& a,
                                             Workspace& workspace) const {
  ChainArguments arguments{};
  arguments.input = a.input;
  arguments.parameters = a.parameters;
  arguments.buffers = a.buffers;
  arguments.arena = workspace.arena.data();
  arguments.scratch = workspace.scratch.data();
  arguments.threads = threads_;
  arguments.times = a.times;
  arguments.training = &a.step;
  return arguments;
}

const float* TrainingPlan::forward(const TrainingArguments& arguments, Workspace& workspace) const {
  return chain_.forward(chain_arguments(arguments, workspace));
}

float* TrainingPlan::grad_output(Workspace& workspace) const {
  return workspace.arena.data() + chain_.offset(chain_.own_buffer_count() + flow_.output());
}

void TrainingPlan::backward(const TrainingArguments& arguments, Workspace& workspace,
                            float* gradients) const {
  const std::vector<Step>& steps = chain_.steps();
  const auto place = [&](std::size_t arena_buffer) {
    return workspace.arena.data() + chain_.offset(chain_.own_buffer_count() + arena_buffer);
  };
  for (std::size_t i = steps.size(); i-- > 0;) {
    const GradientStep& flow = flow_.steps()[i];
    if (!flow.runs) continue;
    std::array<ops::InputGradient, ops::kMostInputs> inputs;
    for (std::size_t k = 0; k < flow.inputs.size(); ++k) {
      inputs[k] = {flow.inputs[k].wanted ? place(flow.inputs[k].arena_buffer) : nullptr,
                   flow.inputs[k].accumulate, flow.inputs[k].relu_masked};
    }
    chain_.backward(steps[i], chain_arguments(arguments, workspace),
                    {place(flow.output), flow.output_relu_masked, inputs.data(),
                     flow.trains ? gradients : nullptr});
  }
}

}  // namespace cnnx::graph
