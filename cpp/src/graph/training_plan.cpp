// Runs the events of a train step.
#include "graph/training_plan.h"

#include <array>

#include "graph/recomputation.h"

namespace cnnx::graph {

namespace {

GradientFlow flow_of(const Chain& chain, int wanted) {
  if (wanted == kParameters) return GradientFlow(chain);
  return GradientFlow(chain, wanted == kGraphInput ? kCallersInput : chain.value_of(wanted));
}

Recomputation recomputation_of(Recompute recompute, const Chain& chain, const GradientFlow& flow,
                               const TrainingMemory& memory) {
  switch (recompute) {
    case Recompute::quick:
      break;
    case Recompute::cheap:
      return save_costly(chain, flow, memory);
    case Recompute::most:
      return save_little(chain, flow, memory);
  }
  return save_slow(chain);
}

}  // namespace

TrainingPlan::TrainingPlan(const Graph& graph, int64_t batch, int threads,
                           const TrainingSettings& settings)
    : batch_(batch),
      threads_(threads),
      settings_(settings),
      chain_(graph, 0, static_cast<int>(graph.nodes().size()), batch,
             {Chain::Keep::for_backward,
              settings.wanted == kParameters ? graph.compute_dtype() : ComputeDtype::float32, 0,
              settings.wanted}),
      flow_(flow_of(chain_, settings.wanted)),
      timeline_(
          chain_, flow_,
          recomputation_of(settings.recompute, chain_, flow_, {threads, settings.keeps_gradients}),
          {threads, settings.keeps_gradients}),
      arena_buffers_(timeline_.arena_buffers()),
      arena_floats_(assign_offsets(arena_buffers_)) {}

ChainArguments TrainingPlan::chain_arguments(const TrainingArguments& a, Workspace& workspace,
                                             const TrainingEvent& event) const {
  ChainArguments arguments{};
  arguments.input = a.input;
  arguments.parameters = a.parameters;
  arguments.buffers = a.buffers;
  arguments.arena = workspace.arena.data();
  arguments.scratch =
      event.scratch == kNothing ? workspace.scratch.data() : place(event.scratch, workspace);
  arguments.threads = threads_;
  arguments.times = a.times;
  if (a.step) arguments.training = &*a.step;
  return arguments;
}

StepArrays TrainingPlan::arrays(const TrainingEvent& event, const ChainArguments& a) const {
  const Step& step = chain_.steps()[static_cast<std::size_t>(event.step)];
  const auto place_of = [&](std::size_t arena_buffer) {
    return arena_buffer == kNothing ? nullptr : a.arena + arena_buffers_[arena_buffer].offset;
  };
  StepArrays arrays;
  for (std::size_t i = 0; i < step.inputs.size(); ++i)
    arrays.inputs[i] = chain_.values()[step.inputs[i]].array == kCallersInput
                           ? a.input
                           : place_of(event.inputs[i]);
  arrays.output = place_of(event.output);
  const auto bytes_of = [&](std::size_t arena_buffer) {
    return reinterpret_cast<uint8_t*>(place_of(arena_buffer));
  };
  arrays.saved = bytes_of(event.saved);
  if (step.fusion.normalises_input) {
    const int index = chain_.values()[step.inputs[0]].producer;
    const Step& before = chain_.steps()[static_cast<std::size_t>(index)];
    arrays.normalisation = before.op->normalisation(bytes_of(timeline_.saved(index)));
  }
  return arrays;
}

const float* TrainingPlan::forward(const TrainingArguments& arguments, Workspace& workspace) const {
  const float* result = arguments.input;
  for (const TrainingEvent& event : timeline_.events()) {
    if (event.kind != TrainingEvent::Kind::forward) break;
    const ChainArguments chain = chain_arguments(arguments, workspace, event);
    const StepArrays arrays = this->arrays(event, chain);
    chain_.forward(chain_.steps()[static_cast<std::size_t>(event.step)], chain, arrays);
    result = arrays.output;
  }
  return result;
}

float* TrainingPlan::grad_output(Workspace& workspace) const {
  return place(timeline_.gradient(flow_.output()), workspace);
}

const float* TrainingPlan::wanted_gradient(Workspace& workspace) const {
  return place(timeline_.gradient(flow_.wanted()), workspace);
}

template <class Run>
void TrainingPlan::for_each_backward(const TrainingArguments& arguments, Workspace& workspace,
                                     const Run& run) const {
  for (const TrainingEvent& event : timeline_.events()) {
    if (event.step < 0 || event.kind == TrainingEvent::Kind::forward) continue;
    const ChainArguments chain = chain_arguments(arguments, workspace, event);
    if (event.kind == TrainingEvent::Kind::again) {
      chain_.forward(chain_.steps()[static_cast<std::size_t>(event.step)], chain,
                     arrays(event, chain), /*again=*/true);
    } else {
      run(event, chain);
    }
  }
}

void TrainingPlan::backward(const TrainingArguments& arguments, Workspace& workspace,
                            float* gradients) const {
  for_each_backward(arguments, workspace,
                    [&](const TrainingEvent& event, const ChainArguments& chain) {
                      run_backward(event, chain, workspace, gradients, 0);
                    });
}

void TrainingPlan::backward(const TrainingArguments& arguments, Workspace& workspace,
                            const TakeGradients& take) const {
  for_each_backward(arguments, workspace,
                    [&](const TrainingEvent& event, const ChainArguments& chain) {
                      if (event.parameter_gradients == kNothing)
                        return run_backward(event, chain, workspace, nullptr, 0);
                      const Step& step = chain_.steps()[static_cast<std::size_t>(event.step)];
                      const int64_t first = step.parameters.front();
                      float* const gradients = place(event.parameter_gradients, workspace);
                      run_backward(event, chain, workspace, gradients, first);
                      take(first, step.parameter_floats, gradients);
                    });
}

void TrainingPlan::run_backward(const TrainingEvent& event, const ChainArguments& chain,
                                Workspace& workspace, float* gradients,
                                int64_t first_parameter) const {
  const auto index = static_cast<std::size_t>(event.step);
  const GradientStep& flow = flow_.steps()[index];
  const auto gradient = [&](std::size_t buffer) {
    return place(timeline_.gradient(buffer), workspace);
  };
  std::array<ops::InputGradient, ops::kMostInputs> inputs;
  for (std::size_t k = 0; k < flow.inputs.size(); ++k) {
    inputs[k] = {flow.inputs[k].wanted ? gradient(flow.inputs[k].arena_buffer) : nullptr,
                 flow.inputs[k].accumulate, flow.inputs[k].relu_masked};
  }
  chain_.backward(chain_.steps()[index], chain, arrays(event, chain),
                  {gradient(flow.output), flow.output_relu_masked, inputs.data(),
                   flow.trains ? gradients : nullptr, first_parameter});
}

}  // namespace cnnx::graph
