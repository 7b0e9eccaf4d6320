// Places the gradients between layers and runs the steps forward and backward.
#include "graph/training_plan.h"

#include <algorithm>
#include <array>

namespace cnnx::graph {

TrainingPlan::TrainingPlan(const Graph& graph, int64_t batch, int threads)
    : batch_(batch),
      threads_(threads),
      chain_(graph, 0, static_cast<int>(graph.nodes().size()), batch, Chain::Keep::for_backward),
      arena_floats_(chain_.arena_floats()) {
  const std::vector<Step>& steps = chain_.steps();
  // The last output's gradient is the loss's even if no step made it.
  int64_t most = runtime::round_up_to_line(chain_.output_floats());
  for (const Step& step : steps)
    most = std::max(most, runtime::round_up_to_line(step.output_floats));
  const std::array<int64_t, 2> buffers{arena_floats_, arena_floats_ + most};
  arena_floats_ += 2 * most;
  grad_output_ = buffers[0];
  gradients_.resize(steps.size());
  // A layer below which nothing is trained has no use for its input's gradient.
  bool trained_below = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    gradients_[i].wants_input = trained_below;
    trained_below = trained_below || !steps[i].parameters.empty();
  }
  std::size_t turn = 0;
  for (std::size_t i = steps.size(); i-- > 0;) {
    GradientPlace& place = gradients_[i];
    place.output = buffers[turn];
    if (!steps[i].op->gradient_runs_in_place()) turn = 1 - turn;
    place.input = buffers[turn];
    // A ReLU that the step before took in: its mask costs least where the gradient is made.
    const bool through = i > 0 && steps[i - 1].fusion.relu && !steps[i - 1].fusion.max_pool &&
                         steps[i].op->passes_through_relu();
    place.input_through = through;
    if (i > 0) gradients_[i - 1].output_through = through;
  }
}

WorkspaceLease TrainingPlan::lease() const {
  std::unique_ptr<Workspace> workspace = pool_.take();
  if (!workspace) {
    int64_t scratch = chain_.scratch_floats(threads_);
    for (const Step& step : chain_.steps())
      scratch = std::max(scratch, step.op->backward_scratch_floats(threads_));
    workspace = std::make_unique<Workspace>();
    workspace->arena = runtime::AlignedBuffer(arena_floats_);
    workspace->scratch = runtime::AlignedBuffer(scratch);
  }
  return WorkspaceLease(pool_, std::move(workspace));
}

ChainArguments TrainingPlan::arguments(const float* input, const float* parameters,
                                       Workspace& workspace, StepTimes* times) const {
  return {input,    parameters, nullptr, workspace.arena.data(), workspace.scratch.data(),
          threads_, false,      times};
}

const float* TrainingPlan::forward(const float* input, const float* parameters,
                                   Workspace& workspace, StepTimes* times) const {
  return chain_.forward(arguments(input, parameters, workspace, times));
}

float* TrainingPlan::grad_output(Workspace& workspace) const {
  return workspace.arena.data() + grad_output_;
}

void TrainingPlan::backward(const float* input, const float* parameters, Workspace& workspace,
                            float* gradients, StepTimes* times) const {
  const std::vector<Step>& steps = chain_.steps();
  float* const arena = workspace.arena.data();
  for (std::size_t i = steps.size(); i-- > 0;) {
    const GradientPlace& place = gradients_[i];
    if (!place.wants_input && steps[i].parameters.empty()) break;
    chain_.backward(
        steps[i], arguments(input, parameters, workspace, times),
        {arena + place.output, place.output_through,
         place.wants_input ? arena + place.input : nullptr, place.input_through, gradients});
  }
}

}  // namespace cnnx::graph
