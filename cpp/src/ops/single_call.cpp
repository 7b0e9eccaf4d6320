// Allocates scratch and saved bytes for a bound op, and runs it.
#include "ops/single_call.h"

#include <algorithm>

#include "cnnx/runtime.h"
#include "ops/call_scratch.h"
#include "ops/gradient_kernels.h"
#include "ops/shares.h"
#include "runtime/floating_point.h"
#include "runtime/memory.h"

namespace cnnx::ops {

void call_forward(const BoundOp& op, ForwardArguments a) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  a.threads = get_num_threads();
  CallScratch scratch(op.scratch_floats(a.threads));
  a.scratch = scratch.data();
  op.forward(a);
}

void call_backward(const BoundOp& op, BackwardArguments a) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  a.threads = get_num_threads();
  a.kernels = &gradient_kernels();
  const int64_t saved_floats =
      runtime::round_up_to_line(divide_up(op.saved_bytes(), static_cast<int64_t>(sizeof(float))));
  const int64_t forward_floats = saved_floats > 0 ? op.scratch_floats(a.threads) : 0;
  CallScratch scratch(saved_floats +
                      std::max(forward_floats, op.backward_scratch_floats(a.threads)));
  a.scratch = scratch.data() + saved_floats;
  if (saved_floats > 0) {
    ForwardArguments forward;
    forward.inputs = a.inputs;
    forward.parameters = a.parameters;
    // In inference they are read alone.
    forward.buffers = const_cast<float* const*>(a.buffers);
    forward.saved = reinterpret_cast<uint8_t*>(scratch.data());
    forward.scratch = a.scratch;
    forward.threads = a.threads;
    op.save(forward);
    a.saved = forward.saved;
  }
  op.backward(a);
}

void call_forward(const BoundOp& op, const ForwardCall& call) {
  const float* const parameters[] = {call.weight, call.bias};
  ForwardArguments a;
  a.inputs = &call.x;
  a.parameters = parameters;
  a.output = call.output;
  call_forward(op, a);
}

void call_backward(const BoundOp& op, const BackwardCall& call) {
  const float* const parameters[] = {call.weight, nullptr};
  float* const grad_parameters[] = {call.grad_weight, call.grad_bias};
  InputGradient grad_input;
  grad_input.values = call.grad_input;
  grad_input.accumulate = call.accumulate;
  BackwardArguments a;
  a.inputs = &call.x;
  a.parameters = parameters;
  // Only an op that fused a ReLU writes to it.
  a.grad_output = const_cast<float*>(call.grad_output);
  a.grad_inputs = &grad_input;
  a.grad_parameters = grad_parameters;
  a.accumulate_parameters = call.accumulate;
  call_backward(op, a);
}

}  // namespace cnnx::ops
