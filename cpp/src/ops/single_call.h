// One call of a bound op outside a graph, in the form of inference. It uses the scratch of the
// calling thread (ops/call_scratch.h) and cnnx::get_num_threads() threads.
#pragma once

#include "ops/op.h"

namespace cnnx::ops {

// `a` lacks scratch and threads.
void call_forward(const BoundOp& op, ForwardArguments a);

// `a` lacks scratch, threads, kernels and the saved bytes of forward, which are computed again.
void call_backward(const BoundOp& op, BackwardArguments a);

// The arrays of an op with one input and at most a weight and a bias, as the functions of the
// public headers take them. A null gradient is not computed.
struct ForwardCall {
  const float *x, *weight, *bias;
  float* output;
};
struct BackwardCall {
  const float *grad_output, *x, *weight;
  float *grad_input, *grad_weight, *grad_bias;
  bool accumulate;  // adds to the gradients instead of overwriting them
};

void call_forward(const BoundOp& op, const ForwardCall& call);
void call_backward(const BoundOp& op, const BackwardCall& call);

}  // namespace cnnx::ops
