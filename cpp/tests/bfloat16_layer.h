// Runs a layer on arrays of bfloat16, and on arrays of floats with the same values, whose results
// are rounded once: the expected ones.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <type_traits>
#include <vector>

#include "bfloat16_numbers.h"
#include "check.h"
#include "cnnx/layers.h"
#include "guarded_array.h"
#include "ops/bfloat16.h"
#include "ops/gradient_kernels.h"
#include "ops/registry.h"
#include "runtime/memory.h"

namespace cnnx::test {

using Words = std::vector<uint16_t>;

// Numbers around 0, among them zeros of both signs, equal neighbours and some beyond 6.
inline Words words(const Shape& shape, int64_t seed) {
  Words result(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < result.size(); ++i) {
    const int64_t step = (static_cast<int64_t>(i) * 7919 + seed * 104729) % 1009 - 504;
    result[i] = step % 16 == 0 ? (step % 32 ? 0x8000 : 0) : rounded(static_cast<float>(step) / 60);
  }
  return result;
}

// An array of floats or of bfloat16 at the end of readable memory, in the form of a graph.
template <class Element>
class ElementArray {
 public:
  explicit ElementArray(const Words& values)
      : size_(static_cast<int64_t>(values.size())),
        memory_((size_ * static_cast<int64_t>(sizeof(Element)) + 3) / 4) {
    for (int64_t i = 0; i < size_; ++i) {
      const uint16_t word = values[static_cast<std::size_t>(i)];
      if constexpr (std::is_same_v<Element, float>) {
        begin()[i] = widened(word);
      } else {
        begin()[i] = word;
      }
    }
  }
  float* data() { return reinterpret_cast<float*>(begin()); }
  Words values() {
    Words result(static_cast<std::size_t>(size_));
    for (int64_t i = 0; i < size_; ++i) {
      if constexpr (std::is_same_v<Element, float>) {
        result[static_cast<std::size_t>(i)] = rounded(begin()[i]);
      } else {
        result[static_cast<std::size_t>(i)] = begin()[i];
      }
    }
    return result;
  }

 private:
  Element* begin() { return reinterpret_cast<Element*>(memory_.data() + memory_.size()) - size_; }

  int64_t size_;
  GuardedArray memory_;
};

struct Bfloat16Case {
  Layer layer;
  std::vector<Shape> inputs;
  ops::Fusion fusion = {};
  bool frozen = false;  // of a training step
  bool inference = false;
  bool accumulate = false;
  bool relu_masked = false;
  bool in_place = false;  // where the op allows it
  int threads = 1;
};

// All that forward and backward write to.
struct LayerArrays {
  Words output, grad_output;
  std::vector<Words> grad_inputs;
  std::vector<std::vector<float>> grad_parameters, buffers;
};

inline std::vector<float*> pointers(std::vector<std::vector<float>>& arrays) {
  std::vector<float*> result;
  for (std::vector<float>& each : arrays) result.push_back(each.data());
  return result;
}

inline std::vector<std::vector<float>> arrays_of(const std::vector<ops::ParameterSpec>& specs,
                                                 int64_t seed) {
  std::vector<std::vector<float>> result;
  for (const ops::ParameterSpec& spec : specs) {
    std::vector<float> values;
    for (const uint16_t word : words(spec.shape, seed++)) {
      // A variance is positive.
      values.push_back(std::fabs(widened(word)) + 0.3f);
    }
    result.push_back(values);
  }
  return result;
}

template <class Element>
class LayerRun {
 public:
  explicit LayerRun(const Bfloat16Case& c) : c_(c), op_(ops::make_op(c.layer)) {
    ops::Fusion fusion = c.fusion;
    fusion.bfloat16 = std::is_same_v<Element, uint16_t>;
    fusion.training = !c.inference;
    if (const auto* merge = dynamic_cast<const ops::MergeOp*>(op_.get())) {
      const std::size_t own = c.inputs.size() - (fusion.add ? 1 : 0);
      const std::vector<Shape> inputs(c.inputs.begin(),
                                      c.inputs.begin() + static_cast<int64_t>(own));
      bound_ = merge->bind_merged(inputs, fusion);
      output_shape_ = merge->merged_shape(inputs);
    } else {
      bound_ = op_->bind_fused(c.inputs[0], fusion);
      output_shape_ = op_->output_shape(c.inputs[0]);
    }
    if (fusion.bfloat16) CHECK(op_->runs_in_bfloat16(c.inputs[0]));
    parameters_ = arrays_of(op_->parameters(c.inputs[0]), 11);
    result_.buffers = arrays_of(op_->buffers(c.inputs[0]), 21);
    saved_.resize(static_cast<std::size_t>(bound_->saved_bytes()));
    step_ = {7, 3, 2, c.frozen};
  }

  // `output`: that of bfloat16, which backward reads; empty: that of this forward.
  LayerArrays run(const Words& output) {
    for (std::size_t i = 0; i < c_.inputs.size(); ++i)
      inputs_.emplace_back(words(c_.inputs[i], static_cast<int64_t>(i) + 1));
    forward();
    if (!c_.inference) backward(output.empty() ? result_.output : output);
    return result_;
  }

 private:
  void forward() {
    const bool in_place = c_.in_place && bound_->traits().runs_in_place.contains(0);
    ElementArray<Element> first(words(c_.inputs[0], 1)), own(words(output_shape_, 5));
    ElementArray<Element>& output = in_place ? first : own;
    std::vector<const float*> inputs;
    for (ElementArray<Element>& each : inputs_) inputs.push_back(each.data());
    if (in_place) inputs[0] = first.data();
    const std::vector<float*> parameters = pointers(parameters_),
                              buffers = pointers(result_.buffers);
    runtime::AlignedBuffer scratch(bound_->scratch_floats(c_.threads));
    ops::ForwardArguments a;
    a.inputs = inputs.data();
    a.parameters = parameters.data();
    a.buffers = buffers.data();
    a.output = output.data();
    a.saved = c_.inference ? nullptr : saved_.data();
    a.scratch = scratch.data();
    a.threads = c_.threads;
    a.training = c_.inference ? nullptr : &step_;
    bound_->forward(a);
    result_.output = output.values();
  }

  void backward(const Words& output_values) {
    ElementArray<Element> output(output_values), grad_output(words(output_shape_, 6));
    std::vector<const float*> inputs;
    std::deque<ElementArray<Element>> gradients;
    std::vector<ops::InputGradient> grad_inputs;
    const bool in_place = c_.in_place && !c_.accumulate && bound_->traits().gradient_runs_in_place;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      inputs.push_back(inputs_[i].data());
      gradients.emplace_back(words(c_.inputs[i], static_cast<int64_t>(i) + 31));
      float* const values = in_place && i == 0 ? grad_output.data() : gradients[i].data();
      grad_inputs.push_back({values, c_.accumulate, false});
    }
    result_.grad_parameters = arrays_of(op_->parameters(c_.inputs[0]), 41);
    const std::vector<float*> parameters = pointers(parameters_),
                              buffers = pointers(result_.buffers),
                              grad_parameters = pointers(result_.grad_parameters);
    runtime::AlignedBuffer scratch(bound_->backward_scratch_floats(c_.threads));
    ops::BackwardArguments a;
    a.inputs = inputs.data();
    a.output = output.data();
    a.saved = saved_.data();
    a.parameters = parameters.data();
    a.buffers = buffers.data();
    a.grad_output = grad_output.data();
    a.grad_output_relu_masked = c_.relu_masked;
    a.grad_inputs = grad_inputs.data();
    a.grad_parameters = grad_parameters.data();
    a.accumulate_parameters = c_.accumulate;
    a.scratch = scratch.data();
    a.threads = c_.threads;
    a.training = &step_;
    a.kernels = &ops::gradient_kernels();
    bound_->backward(a);
    result_.grad_output = grad_output.values();
    for (ElementArray<Element>& each : gradients) result_.grad_inputs.push_back(each.values());
  }

  const Bfloat16Case& c_;
  std::unique_ptr<const ops::Op> op_;
  std::unique_ptr<const ops::BoundOp> bound_;
  Shape output_shape_;
  std::vector<std::vector<float>> parameters_;
  std::vector<uint8_t> saved_;
  ops::TrainingStep step_;
  std::deque<ElementArray<Element>> inputs_;
  LayerArrays result_;
};

inline bool same_arrays(const std::vector<std::vector<float>>& left,
                        const std::vector<std::vector<float>>& right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), same_bits);
}

inline void check_bfloat16_layer(const Bfloat16Case& c) {
  const LayerArrays actual = LayerRun<uint16_t>(c).run({});
  const LayerArrays expected = LayerRun<float>(c).run(actual.output);
  const int failures = counts().failures;
  CHECK(actual.output == expected.output);
  CHECK(actual.grad_output == expected.grad_output);
  CHECK(actual.grad_inputs == expected.grad_inputs);
  CHECK(same_arrays(actual.grad_parameters, expected.grad_parameters));
  CHECK(same_arrays(actual.buffers, expected.buffers));
  if (counts().failures == failures) return;
  std::fprintf(stderr, "of %s, first input %s, %d threads%s%s\n", c.layer.kind.c_str(),
               to_string(c.inputs[0]).c_str(), c.threads, c.accumulate ? ", accumulated" : "",
               c.in_place ? ", in place" : "");
}

// In training and inference, on one to three threads, accumulated or not, in place or not.
inline void check_bfloat16_ways(Bfloat16Case c) {
  for (const bool in_place : {false, true}) {
    for (c.threads = 1; c.threads <= 3; ++c.threads) {
      c.in_place = in_place;
      c.accumulate = c.threads == 2;
      c.inference = false;
      check_bfloat16_layer(c);
    }
    c.inference = true;
    check_bfloat16_layer(c);
  }
}

}  // namespace cnnx::test
