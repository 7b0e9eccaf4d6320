// Runs layers that have a weight and a bias: bound to a shape, on guarded arrays, and on any number
// of threads.
#pragma once

#include <algorithm>
#include <vector>

#include "check.h"
#include "cnnx/runtime.h"
#include "guarded_array.h"
#include "ops/gradient_kernels.h"
#include "ops/op.h"
#include "runtime/memory.h"

namespace cnnx::test {

struct LayerResults {
  std::vector<float> output, grad_input, grad_weight, grad_bias;
};

// Small integers: every sum is exact in any order.
inline std::vector<float> integers(int64_t count, int64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = static_cast<float>((i * 7 + seed * 5 + i / 11) % 9 - 4);
  }
  return values;
}

// Values whose sums are rounded, so that any other order of the additions changes bits.
inline std::vector<float> fractions(int64_t count, int64_t seed) {
  std::vector<float> values = integers(count, seed);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = values[i] / 7.0f + static_cast<float>(i % 13) / 31.0f;
  return values;
}

// Forward and backward of the layer by its own scratch. `arrays` holds x, weight, bias and
// grad_output; grad_input stays empty unless `wants_input`.
template <class Arrays>
LayerResults run_layer(const ops::BoundOp& bound, const Arrays& arrays, bool wants_input) {
  constexpr int kThreads = 3;
  runtime::AlignedBuffer scratch(
      std::max(bound.scratch_floats(kThreads), bound.backward_scratch_floats(kThreads)));
  const float* inputs[] = {arrays.x.data()};
  const float* parameters[] = {arrays.weight.data(), arrays.bias.data()};
  GuardedArray output(arrays.grad_output.size());
  ops::ForwardArguments forward;
  forward.inputs = inputs;
  forward.parameters = parameters;
  forward.output = output.data();
  forward.scratch = scratch.data();
  forward.threads = kThreads;
  bound.forward(forward);
  GuardedArray grad_input(wants_input ? arrays.x.size() : 0), grad_weight(arrays.weight.size()),
      grad_bias(arrays.bias.size()), grad_output(arrays.grad_output.values());
  float* grad_parameters[] = {grad_weight.data(), grad_bias.data()};
  const ops::InputGradient input_gradient = {wants_input ? grad_input.data() : nullptr};
  ops::BackwardArguments backward;
  backward.inputs = inputs;
  backward.output = output.data();
  backward.parameters = parameters;
  backward.grad_output = grad_output.data();
  backward.grad_inputs = &input_gradient;
  backward.grad_parameters = grad_parameters;
  backward.scratch = scratch.data();
  backward.threads = kThreads;
  backward.kernels = &ops::gradient_kernels();
  bound.backward(backward);
  return {output.values(), grad_input.values(), grad_weight.values(), grad_bias.values()};
}

// The bits of run(results) are those of one thread on any number of threads; returns them.
template <class Run>
std::vector<std::vector<float>> check_threads_do_not_matter(
    const std::vector<std::vector<float>>& like, const Run& run) {
  std::vector<std::vector<float>> first;
  for (const int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    std::vector<std::vector<float>> results = like;
    run(results);
    if (first.empty()) first = results;
    for (std::size_t i = 0; i < results.size(); ++i) CHECK(same_bits(results[i], first[i]));
  }
  set_num_threads(2);
  return first;
}

}  // namespace cnnx::test
