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

// Layers that an op takes into its own pass over memory, in this order. The bits are those of the
// layers one after another.
struct Fusion {
  bool relu = false;
  bool max_pool = false;  // 2x2, side by side
};

// What a layer is to an op before it that might take it in.
enum class Follower { none, relu, max_pool_2x2 };

// Arrays of one forward execution. `scratch` holds BoundOp::scratch_floats(threads) floats of our
// own (aligned, with slack); every other array may be a caller's: 4-byte aligned, never touched
// past its last element.
struct ForwardArguments {
  const float* input = nullptr;
  const float* const* parameters = nullptr;  // in the order of Op::parameters
  const float* derived = nullptr;  // as BoundOp::derive left it, or null: it derives what it needs
  float* output = nullptr;
  uint8_t* winners = nullptr;  // BoundOp::winner_bytes, or null where no backward follows
  float* scratch = nullptr;
  int threads = 1;
  // Large weights are better read from their end on: the execution before left that in a cache.
  bool weights_end_is_cached = false;
};

// Arrays of one backward execution, with the input and output of the forward before it. A null
// `grad_input` is not wanted (the first layer). `accumulate` adds to what the gradients hold
// instead of overwriting it.
struct BackwardArguments {
  const float* input = nullptr;
  const float* output = nullptr;
  const uint8_t* winners = nullptr;
  const float* const* parameters = nullptr;
  float* grad_output = nullptr;      // ours to overwrite
  bool grad_output_through = false;  // is already the gradient before a ReLU that was taken in
  float* grad_input = nullptr;
  bool grad_input_through = false;  // is wanted as the gradient before the ReLU that made `input`
  float* const* grad_parameters = nullptr;
  float* scratch = nullptr;
  int threads = 1;
  bool accumulate = false;
};

class BoundOp {
 public:
  virtual ~BoundOp() = default;
  virtual int64_t scratch_floats(int threads) const = 0;           // enough for forward
  virtual int64_t backward_scratch_floats(int threads) const = 0;  // enough for backward
  virtual void forward(const ForwardArguments& arguments) const = 0;
  virtual void backward(const BackwardArguments& arguments) const = 0;

  // Parameters in the form that forward reads, the same for any batch: a model at rest derives them
  // once.
  virtual int64_t derived_floats() const { return 0; }
  virtual void derive(const float* const* parameters, int threads, float* derived) const {
    static_cast<void>(parameters), static_cast<void>(threads), static_cast<void>(derived);
  }
  // What forward keeps for backward instead of the map that it pooled.
  virtual int64_t winner_bytes() const { return 0; }
  // Multiply-adds of a forward, where they are what it costs.
  virtual int64_t products() const { return 0; }
  // Whether a few pictures at a time cost no more than many at once. No: its weights are many, each
  // used once per picture.
  virtual bool runs_in_slices() const { return true; }

  // True for an elementwise op whose output may overwrite its input and grad_output become
  // grad_input in place: its backward reads the output alone. The plan then gives both one buffer.
  virtual bool runs_in_place() const { return false; }
  // Which arrays of the forward backward() reads. What nobody reads may be overwritten by the next
  // op.
  virtual bool backward_reads_output() const { return true; }
  // Whether backward honours grad_input_through.
  virtual bool passes_through_relu() const { return false; }
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

  virtual Follower follower(const Shape& input) const {
    static_cast<void>(input);
    return Follower::none;
  }
  virtual bool takes_in(Follower follower, const Shape& input) const {
    static_cast<void>(follower), static_cast<void>(input);
    return false;
  }
  // Only with a fusion that it takes in.
  virtual std::unique_ptr<const BoundOp> bind_fused(const Shape& input, const Fusion&) const {
    return bind(input);
  }
};

}  // namespace cnnx::ops
