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

// One array of a layer: a trained parameter, or a buffer that is saved beside them. `fan_in` > 0
// draws He-uniform values from +-sqrt(6 / fan_in); otherwise every element starts at `initial`.
struct ParameterSpec {
  std::string name;  // "weight", "bias", "running_mean"
  Shape shape;
  int64_t fan_in = 0;
  float initial = 0.0f;
};

class Op;
struct GradientKernels;

// Layers that an op takes into its own pass over memory, in this order. But for a batch norm, which
// becomes part of the weights, the bits are those of the layers one after another.
struct Fusion {
  const Op* batch_norm = nullptr;  // in inference
  bool add = false;                // the second input is what is added
  bool relu = false;
  bool max_pool = false;  // 2x2, side by side
  bool training = false;  // nothing to take in, but a backward to come
};

// What a layer is to an op before it that might take it in.
enum class Fusable { none, batch_norm, add, relu, max_pool_2x2 };

// Where a train step draws its random numbers from, and with that the sign that it is one: layers
// that treat training and inference differently are told by it.
struct TrainingStep {
  uint64_t seed = 0;
  uint64_t number = 0;  // of the step
  uint64_t node = 0;    // of the graph, so that no two layers draw the same
  bool frozen = false;  // this layer is not trained, nor are its buffers
};

constexpr int kMostInputs = 64;  // of one op

// Where the gradient of one input goes.
struct InputGradient {
  float* values = nullptr;  // null: not wanted
  bool accumulate = false;  // adds to what is there instead of overwriting it
};

// Arrays of one forward execution. `scratch` holds BoundOp::scratch_floats(threads) floats of our
// own (aligned, with slack); every other array may be a caller's: 4-byte aligned, never touched
// past its last element.
struct ForwardArguments {
  const float* input = nullptr;
  const float* const* inputs = nullptr;      // all of them, where there are several
  const float* const* parameters = nullptr;  // in the order of Op::parameters
  float* const* buffers = nullptr;           // of Op::buffers; written to in training only
  const float* packed =
      nullptr;  // as BoundOp::pack_weights left it, or null: it packs what it needs
  float* output = nullptr;
  uint8_t* saved = nullptr;  // BoundOp::saved_bytes, or null where no backward follows
  float* scratch = nullptr;
  int threads = 1;
  const TrainingStep* training = nullptr;  // null in inference
  // Large weights are better read from their end on: the execution before left that in a cache.
  bool weights_end_is_cached = false;
};

// Arrays of one backward execution, with the inputs and the output of the forward before it.
struct BackwardArguments {
  const float* input = nullptr;
  const float* const* inputs = nullptr;
  const float* output = nullptr;
  const uint8_t* saved = nullptr;
  const float* const* parameters = nullptr;
  const float* const* buffers = nullptr;
  float* grad_output = nullptr;          // ours to overwrite where changes_grad_output says so
  bool grad_output_relu_masked = false;  // is already the gradient before a ReLU that was taken in
  float* grad_input = nullptr;           // null: not wanted (the first layer)
  bool accumulate = false;               // adds to what grad_input holds instead of overwriting it
  bool grad_input_relu_masked =
      false;  // is wanted as the gradient before the ReLU that made `input`
  const InputGradient* grad_inputs = nullptr;  // all of them, where there are several
  float* const* grad_parameters = nullptr;     // overwritten; null pointers are not wanted
  float* scratch = nullptr;
  int threads = 1;
  const TrainingStep* training = nullptr;
  const GradientKernels* kernels = nullptr;  // see gradient_kernels.h
};

class BoundOp {
 public:
  virtual ~BoundOp() = default;
  virtual int64_t scratch_floats(int threads) const = 0;           // enough for forward
  virtual int64_t backward_scratch_floats(int threads) const = 0;  // enough for backward
  virtual void forward(const ForwardArguments& arguments) const = 0;
  virtual void backward(const BackwardArguments& arguments) const = 0;

  // Parameters in the form that forward reads, the same for any batch: a model at rest packs them
  // once.
  virtual int64_t packed_floats() const { return 0; }
  virtual void pack_weights(const float* const* parameters, const float* const* buffers,
                            int threads, float* packed) const {
    static_cast<void>(parameters), static_cast<void>(buffers);
    static_cast<void>(threads), static_cast<void>(packed);
  }
  // What forward keeps for backward beside its inputs and output: a pooling's argmax, a batch's
  // statistics.
  virtual int64_t saved_bytes() const { return 0; }
  // Multiply-adds of a forward, where they are what it costs.
  virtual int64_t multiply_adds() const { return 0; }
  // Whether a few images at a time cost no more than many at once. No: its weights are many, each
  // used once per image.
  virtual bool runs_in_slices() const { return true; }

  // Whether the output may overwrite input i, each of whose elements then is read once, for the
  // output's element at its place.
  virtual bool runs_in_place(std::size_t input) const {
    static_cast<void>(input);
    return false;
  }
  // True for an op whose grad_output may become its grad_input in place.
  virtual bool gradient_runs_in_place() const { return false; }
  // Which arrays of the forward backward() reads. What nobody reads any more is overwritten.
  virtual bool backward_reads_input() const { return true; }
  virtual bool backward_reads_output() const { return true; }
  // Whether backward writes to grad_output, unless it came through the ReLU that was taken in.
  virtual bool changes_grad_output() const { return false; }
  // Whether grad_output, when backward is done, is the gradient of input i: a sum's. grad_inputs[i]
  // then may be grad_output itself.
  virtual bool leaves_gradient(std::size_t input) const {
    static_cast<void>(input);
    return false;
  }
  // Whether backward honours grad_input_relu_masked.
  virtual bool applies_relu_mask() const { return false; }
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
  // What training keeps up to date besides, and inference reads: running statistics.
  virtual std::vector<ParameterSpec> buffers(const Shape& input) const {
    static_cast<void>(input);
    return {};
  }
  // Null when the output is the input's memory under another shape (Flatten): then there is nothing
  // to run.
  virtual std::unique_ptr<const BoundOp> bind(const Shape& input) const = 0;

  virtual Fusable fusable_as(const Shape& input) const {
    static_cast<void>(input);
    return Fusable::none;
  }
  virtual bool can_fuse(Fusable successor, const Shape& input) const {
    static_cast<void>(successor), static_cast<void>(input);
    return false;
  }
  // A batch norm in inference: y = x * scale + shift, per channel.
  virtual void scale_and_shift(const float* const* parameters, const float* const* buffers,
                               int64_t channels, float* scale, float* shift) const {
    static_cast<void>(parameters), static_cast<void>(buffers), static_cast<void>(channels);
    static_cast<void>(scale), static_cast<void>(shift);
  }
  // Only with a fusion that it takes in.
  virtual std::unique_ptr<const BoundOp> bind_fused(const Shape& input, const Fusion&) const {
    return bind(input);
  }
};

// An op of several inputs: two or more. Asked about one shape, it answers for two such inputs.
class MergeOp : public Op {
 public:
  virtual std::size_t most_inputs() const { return kMostInputs; }
  virtual Shape merged_shape(const std::vector<Shape>& inputs) const = 0;
  virtual std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                                     const Fusion& fusion) const = 0;

  Shape output_shape(const Shape& input) const final { return merged_shape({input, input}); }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const final {
    return bind_merged({input, input}, {});
  }
};

}  // namespace cnnx::ops
