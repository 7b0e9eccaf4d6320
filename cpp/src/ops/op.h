// What a graph asks of a layer kind: its shapes, its parameters, and how to run it forward and
// backward.
//
// An Op is a recipe (Conv2d with 32 channels, 3x3). Bound to one input shape it becomes a BoundOp,
// which is immutable, allocates nothing when it runs, and may run in several threads at once: all
// it writes is passed in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cnnx/shape.h"

namespace cnnx::ops {

// One trained array of a layer. `fan_in` > 0 draws He-uniform values from +-sqrt(6 / fan_in); 0
// starts at zero.
struct ParameterSpec {
  std::string name;  // "weight", "bias"
  Shape shape;
  int64_t fan_in = 0;
};

// Arrays of one forward execution. `scratch` holds BoundOp::scratch_floats(threads) floats of our
// own (aligned, with slack); every other array may be a caller's: 4-byte aligned, never touched
// past its last element.
struct ForwardArguments {
  const float* input;
  const float* const* parameters;  // in the order of Op::parameters
  float* output;
  float* scratch;
  int threads;
};

// Arrays of one backward execution, with the input and output of the forward before it. A null
// `grad_input` is not wanted (the first layer). `accumulate` adds to what the gradients hold
// instead of overwriting it.
struct BackwardArguments {
  const float* input;
  const float* output;
  const float* const* parameters;
  const float* grad_output;
  float* grad_input;
  float* const* grad_parameters;
  float* scratch;
  int threads;
  bool accumulate;
};

class BoundOp {
 public:
  virtual ~BoundOp() = default;
  virtual int64_t scratch_floats(int threads) const = 0;           // enough for forward
  virtual int64_t backward_scratch_floats(int threads) const = 0;  // enough for backward
  virtual void forward(const ForwardArguments& arguments) const = 0;
  virtual void backward(const BackwardArguments& arguments) const = 0;

  // True for an elementwise op whose output may overwrite its input and grad_output become
  // grad_input in place: its backward reads the output alone. The plan then gives both one buffer.
  virtual bool runs_in_place() const { return false; }
  // Which arrays of the forward backward() reads. What nobody reads may be overwritten by the next
  // op.
  virtual bool backward_reads_output() const { return true; }
};

// Shapes given to an Op include the batch axis. Checks throw std::invalid_argument with one
// sentence that begins with the kind ("conv2d: ..."); the graph adds the layer's name.
class Op {
 public:
  virtual ~Op() = default;
  virtual Shape output_shape(const Shape& input) const = 0;
  virtual std::vector<ParameterSpec> parameters(const Shape& input) const {
    static_cast<void>(input);
    return {};
  }
  // Null when the output is the input's memory under another shape (Flatten): then there is nothing
  // to run.
  virtual std::unique_ptr<const BoundOp> bind(const Shape& input) const = 0;
};

}  // namespace cnnx::ops
