// One op on arrays, outside a model: any layer kind, forward and backward.
//
// The form is that of inference: a batch norm normalises by its buffers, dropout returns its input.
// The bits are those of the kind's functions, conv2d of cnnx/conv2d.h and so on, and of a model's
// layer by itself.
//
// Memory: all arrays are the caller's, float32, 4-byte aligned, contiguous, and do not overlap.
// Nothing past their last element is touched; their sizes are not checked. Scratch is allocated per
// call (std::bad_alloc). Threads: as cnnx::get_num_threads(); every const member may be called from
// several threads at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/layer.h"
#include "cnnx/shape.h"

namespace cnnx {

struct ArrayInfo {
  std::string name;  // "weight"
  Shape shape;
};

// A movable handle. Functions throw std::invalid_argument for a wrong argument, in one sentence
// that begins with the layer's name or, where that is empty, its kind.
class CNNX_API Operator {
 public:
  // In the order of the layer's inputs, parameters() and buffers().
  struct ForwardArrays {
    std::vector<const float*> inputs, parameters, buffers;
    float* output = nullptr;
  };

  struct BackwardArrays {
    const float* grad_output = nullptr;
    std::vector<const float*> inputs;  // empty where backward_reads_input() is false
    const float* output = nullptr;     // of forward; null where backward_reads_output() is false
    std::vector<const float*> parameters,
        buffers;  // a bias, which backward does not read, may be null
    // A null pointer or an empty list is not computed.
    std::vector<float*> grad_inputs, grad_parameters;
    bool accumulate = false;  // adds to the gradients instead of overwriting them
  };

  // A layer of cnnx/layers.h, or a Layer, of which only the kind, settings and name count; a block
  // is refused. The shapes include the batch axis.
  Operator(const Layer& layer, std::vector<Shape> input_shapes);
  // The same with arrays at hand: `parameter_shapes` are those of the first parameters, and
  // settings that repeat them (out_channels, kernel_size) are taken from them. Refusals are those
  // of the kind's functions: "conv2d: weight has shape (3, 3, 4, 8), expected in_channels/groups =
  // 3 in axis 2".
  Operator(const Layer& layer, std::vector<Shape> input_shapes,
           const std::vector<Shape>& parameter_shapes);
  Operator(Operator&&) noexcept;
  Operator& operator=(Operator&&) noexcept;
  ~Operator();

  const Shape& output_shape() const;
  const std::vector<ArrayInfo>& parameters() const;
  const std::vector<ArrayInfo>& buffers() const;
  bool backward_reads_input() const;
  bool backward_reads_output() const;

  void forward(const ForwardArrays& arrays) const;
  // The gradients of sum(grad_output * output). Needs no forward before it.
  void backward(const BackwardArrays& arrays) const;

 private:
  struct State;
  const State& state() const;  // refuses one that was moved from
  std::unique_ptr<const State> state_;
};

}  // namespace cnnx
