// The interface of a layer kind to a graph: its shapes, its parameters, and how to run it forward
// and backward.
//
// An Op is a layer with its settings (Conv2d with 32 channels, 3x3). Bound to one input shape it
// becomes a BoundOp, which is immutable, allocates nothing when it runs, and may run in several
// threads at once: it writes only to its arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnnx/shape.h"
#include "kernels/batch_norm2d.h"

namespace cnnx::ops {

// One array of a layer: a trained parameter, or a buffer that is saved beside them. `fan_in` > 0
// draws He-uniform values from +-sqrt(6 / fan_in); otherwise every element starts at `initial`.
struct ParameterSpec {
  std::string name;  // "weight", "bias", "running_mean"
  Shape shape;
  int64_t fan_in = 0;
  float initial = 0.0f;
  // Every element is a whole number from -128 to 127 times the element of the layer's first buffer
  // at its place along the last axis. A file holds the whole numbers.
  bool int8 = false;
};

class Op;
struct GradientKernels;

// Numbers in bytes: value = (byte - zero_point) * scale.
struct Quantization {
  float scale;
  int32_t zero_point;

  bool operator==(const Quantization& other) const {
    return scale == other.scale && zero_point == other.zero_point;
  }
};

// How an array of a quantized network is held in inference: in bytes, or else in floats.
using Format = std::optional<Quantization>;

// Following layers that an op fuses into its own pass over memory, applied in this order. The bits
// are those of the layers one after another, except for a batch norm, which becomes part of the
// weights.
struct Fusion {
  const Op* batch_norm = nullptr;  // in inference
  bool add = false;                // of the second input
  bool relu = false;
  bool relu6 = false;            // instead of a ReLU
  bool max_pool = false;         // 2x2 windows, stride 2
  const Op* quantize = nullptr;  // of an op that is bound to bytes
  bool training = false;         // not a layer: a backward follows
  // Nor is this: the op normalises inputs[0] when it reads it, as the batch norm before it would
  // have done.
  bool normalises_input = false;
  // Nor is this: inputs, output and their gradients are arrays of bfloat16 (ops/bfloat16.h).
  bool bfloat16 = false;
  bool float_output = false;  // but the output and its gradient are floats
};

// The role in which a layer can be fused into the op before it.
enum class Fusable { none, batch_norm, add, relu, relu6, max_pool_2x2, quantize };

// The counters from which a train step draws its random numbers. Layers that treat training and
// inference differently tell them apart by its presence.
struct TrainingStep {
  uint64_t seed = 0;
  uint64_t number = 0;  // of the step
  uint64_t node = 0;    // of the graph, so that no two layers draw the same
  bool frozen = false;  // this layer is not trained, nor are its buffers
};

constexpr std::size_t kMostInputs = 64;     // of one op
constexpr std::size_t kMostParameters = 8;  // of one op and the layers fused into it

// A set of an op's inputs.
class InputSet {
 public:
  static constexpr InputSet none() { return InputSet(0); }
  static constexpr InputSet all() { return InputSet(~uint64_t{0}); }
  static constexpr InputSet only(std::size_t input) { return InputSet(uint64_t{1} << input); }
  constexpr bool contains(std::size_t input) const { return bits_ >> input & 1; }

 private:
  explicit constexpr InputSet(uint64_t bits) : bits_(bits) {}
  uint64_t bits_;
};

// How a graph may place the arrays of an op and schedule it. An op overrides the values that differ
// from these defaults.
struct BoundOpTraits {
  // A few images at a time cost no more per image than a whole batch. False: the op reads many
  // weights, each used once per image.
  bool runs_in_slices = true;
  // Weights of an op that takes less time per image for a whole batch, although it runs in slices;
  // 0: it does not.
  int64_t weights_for_batch = 0;
  // Inputs that the output may overwrite: forward reads each of their elements once, for the output
  // element at the same place.
  InputSet runs_in_place = InputSet::none();
  // grad_inputs[0] may overwrite grad_output.
  bool gradient_runs_in_place = false;
  // Arrays of forward that backward reads. Other arrays may be overwritten before backward.
  bool backward_reads_input = true;
  bool backward_reads_output = true;
  // Backward writes to grad_output, unless grad_output_relu_masked is set.
  bool changes_grad_output = false;
  // Inputs whose gradient is grad_output as backward leaves it, as for a sum. Their grad_inputs may
  // be grad_output itself.
  InputSet passes_gradient = InputSet::none();
  // Backward applies InputGradient::relu_masked to grad_inputs[0].
  bool applies_relu_mask = false;
  // Computing the output again from the inputs and saved bytes costs one pass over them.
  bool recomputes_quickly = false;
  // A second forward writes the saved bytes again, so that the first needs not save them.
  bool every_forward_saves = false;
  // A reader may compute the output from inputs[0]: see BoundOp::normalisation.
  bool is_normalisation = false;
};

// The destination of the gradient of one input.
struct InputGradient {
  float* values = nullptr;   // null: not computed
  bool accumulate = false;   // adds to the values instead of overwriting them
  bool relu_masked = false;  // the gradient before the ReLU whose output the input is
};

// Arrays of one forward execution. `scratch` holds BoundOp::scratch_floats(threads) floats, is
// aligned and ends in slack. Every other array may be a caller's: 4-byte aligned, never touched
// past its last element.
struct ForwardArguments {
  const float* const* inputs = nullptr;
  const float* const* parameters = nullptr;  // in the order of Op::parameters
  float* const* buffers = nullptr;           // of Op::buffers; written to in training only
  const float* packed = nullptr;             // by pack_weights; null: forward packs what it needs
  float* output = nullptr;
  // BoundOp::saved_bytes; null: no backward follows, or with BoundOpTraits::every_forward_saves
  // another forward before it.
  uint8_t* saved = nullptr;
  // The step's forward has run already: `saved` has its bytes, unless every forward saves them, and
  // buffers are not updated again.
  bool again = false;
  float* scratch = nullptr;
  int threads = 1;
  const TrainingStep* training = nullptr;  // null in inference
  // With Fusion::normalises_input, what makes inputs[0] the array that the op computes with.
  const BatchNormForward* normalisation = nullptr;
  // The previous execution read large weights up to their end, which is still in a cache: reading
  // them from the end on is faster.
  bool weights_end_is_cached = false;
};

// Arrays of one backward execution, with the inputs and the output of the forward before it.
struct BackwardArguments {
  const float* const* inputs = nullptr;
  const float* output = nullptr;
  const uint8_t* saved = nullptr;
  const float* const* parameters = nullptr;
  const float* const* buffers = nullptr;
  float* grad_output = nullptr;          // written to only with BoundOpTraits::changes_grad_output
  bool grad_output_relu_masked = false;  // the gradient before the fused ReLU
  const InputGradient* grad_inputs = nullptr;
  float* const* grad_parameters = nullptr;  // null pointers are not computed
  bool accumulate_parameters = false;       // adds to grad_parameters instead of overwriting them
  float* scratch = nullptr;
  int threads = 1;
  const TrainingStep* training = nullptr;
  const BatchNormForward* normalisation = nullptr;  // as in forward
  const GradientKernels* kernels = nullptr;         // see gradient_kernels.h
};

class BoundOp {
 public:
  virtual ~BoundOp() = default;
  virtual BoundOpTraits traits() const { return {}; }
  virtual int64_t scratch_floats(int /*threads*/) const { return 0; }           // of forward
  virtual int64_t backward_scratch_floats(int /*threads*/) const { return 0; }  // of backward
  virtual void forward(const ForwardArguments& arguments) const = 0;
  virtual void backward(const BackwardArguments& arguments) const = 0;

  // Packed weights: parameters in the form that forward reads, the same for any batch, so that a
  // model packs them once after its parameters change.
  virtual int64_t packed_floats() const { return 0; }
  virtual void pack_weights(const float* const* /*parameters*/, const float* const* /*buffers*/,
                            int /*threads*/, float* /*packed*/) const {}
  // Bytes that forward saves for backward besides its inputs and output: a pooling's argmax, a
  // batch's statistics.
  virtual int64_t saved_bytes() const { return 0; }
  // Writes `saved` from the inputs, parameters and buffers alone, for a backward without a forward
  // before it. Of ops with saved bytes when nothing is fused.
  virtual void save(const ForwardArguments& /*arguments*/) const {}
  // With BoundOpTraits::is_normalisation: the pass of forward over some pixels, without the
  // pixels. A null ForwardArguments::output leaves it to the reader.
  virtual BatchNormForward normalisation(const uint8_t* /*saved*/) const { return {}; }
  // Multiply-adds of a forward; 0 for an op whose time is memory traffic.
  virtual int64_t multiply_adds() const { return 0; }
};

// An op of a plan of inference alone.
class InferenceOp : public BoundOp {
 public:
  void backward(const BackwardArguments&) const final {}
};

// An op bound to arrays of bytes. The output has the format of a fused quantize layer if there is
// one, else the op says which.
struct BoundToBytes {
  std::unique_ptr<const BoundOp> op;  // null for a view
  Format output;
};

// Shapes given to an Op include the batch axis. Checks throw std::invalid_argument with one
// sentence that begins with the kind ("conv2d: ..."); the graph adds the layer's name.
class Op {
 public:
  virtual ~Op() = default;
  virtual Shape output_shape(const Shape& input) const = 0;
  virtual std::vector<ParameterSpec> parameters(const Shape& /*input*/) const { return {}; }
  // Arrays that training updates besides, and inference reads: running statistics.
  virtual std::vector<ParameterSpec> buffers(const Shape& /*input*/) const { return {}; }
  // Refuses a weight that does not fit the input. Asked first of an op whose settings
  // (out_channels) were read from the weight's shape.
  virtual void check_weight(const Shape& /*input*/, const Shape& /*weight*/) const {}
  // Null when the output is the input's memory under another shape (Flatten).
  virtual std::unique_ptr<const BoundOp> bind(const Shape& input) const = 0;

  // Whether forward and backward may throw, as functions of the program do.
  virtual bool may_throw() const { return false; }

  // The role in which the op before may fuse this one.
  virtual Fusable fusable_as(const Shape& /*input*/) const { return Fusable::none; }
  // Whether this op fuses such a following layer into its own pass.
  virtual bool can_fuse(Fusable /*successor*/, const Shape& /*input*/) const { return false; }
  // Whether the op may be bound with Fusion::normalises_input.
  virtual bool can_normalise_input(const Shape& /*input*/) const { return false; }
  // Of a batch norm in inference: y = x * scale + shift, per channel.
  virtual void scale_and_shift(const float* const* /*parameters*/, const float* const* /*buffers*/,
                               int64_t /*channels*/, float* /*scale*/, float* /*shift*/) const {}
  // Binds with layers for which can_fuse returned true.
  virtual std::unique_ptr<const BoundOp> bind_fused(const Shape& input, const Fusion&) const {
    return bind(input);
  }

  // Whether the op may be bound with Fusion::bfloat16. Otherwise the graph converts its arrays.
  virtual bool runs_in_bfloat16(const Shape& /*input*/) const { return false; }
  // Whether it may then be bound with Fusion::float_output.
  virtual bool has_float_output() const { return false; }

  // Of a quantize layer.
  virtual const Quantization* quantization() const { return nullptr; }
  // Whether inference may give the op arrays of bytes, all in this case. Otherwise it converts
  // them to floats before.
  virtual bool reads_bytes(const std::vector<Shape>& /*inputs*/) const { return false; }
  // As can_fuse, for bind_to_bytes.
  virtual bool can_fuse_in_bytes(Fusable /*successor*/) const { return false; }
  virtual BoundToBytes bind_to_bytes(const std::vector<Shape>& /*inputs*/,
                                     const std::vector<Quantization>& /*formats*/,
                                     const Fusion&) const {
    return {};
  }
};

// An op of two or more inputs. Given one shape, it binds to two inputs of that shape.
class MergeOp : public Op {
 public:
  virtual Shape merged_shape(const std::vector<Shape>& inputs) const = 0;
  virtual std::vector<ParameterSpec> merged_parameters(const std::vector<Shape>& inputs) const {
    return parameters(inputs[0]);
  }
  virtual std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                                     const Fusion& fusion) const = 0;

  Shape output_shape(const Shape& input) const final { return merged_shape({input, input}); }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const final {
    return bind_merged({input, input}, {});
  }
};

}  // namespace cnnx::ops
