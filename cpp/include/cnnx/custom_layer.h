// Layers that a program computes itself: one at a time, or as a kind of its own, by name.
//
//   struct Negation : cnnx::CustomLayer {
//     cnnx::Shape output_shape(const std::vector<cnnx::Shape>& inputs) const override {
//       return inputs[0];
//     }
//     void forward(const ForwardCall& call) const override;
//     void backward(const BackwardCall& call) const override;
//   };
//   cnnx::Layer layer{"custom"};
//   layer.custom = std::make_shared<Negation>();
//
// A file cannot hold such a layer. It holds those of a kind that the program registers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/layer.h"
#include "cnnx/layer_kinds.h"
#include "cnnx/shape.h"

namespace cnnx {

// A parameter of a custom layer. With `fan_in` above 0 its elements begin at random, uniform within
// +-sqrt(6 / fan_in), otherwise at `initial`.
struct CustomParameter {
  std::string name;  // "weight": lower-case letters, digits and underscores
  Shape shape;       // at least one axis
  int64_t fan_in = 0;
  float initial = 0.0f;
};

// The functions of a layer. They depend on their arguments alone; with TrainerOptions::recompute a
// step calls forward twice. They are called once for the images that a plan computes together, in
// the thread that called the model or the trainer, and by several threads at once if these use
// the model at the same time. They may call Operator and the functions of single ops; the model and
// its trainer refuse to be used by them. An exception reaches the caller of the model or the
// trainer, which are then as they were before the call.
class CNNX_API CustomLayer {
 public:
  // What forward and backward read: float32, contiguous, the batch as the first axis.
  struct Arrays {
    const std::string& layer;  // its name in the model
    const std::vector<Shape>& input_shapes;
    const Shape& output_shape;
    const float* const* inputs;
    const float* const* parameters;
  };
  struct ForwardCall : Arrays {
    float* output;
  };
  // The gradients of sum(grad_output * output) overwrite the arrays of grad_inputs and
  // grad_parameters. A null pointer in them is not computed.
  struct BackwardCall : Arrays {
    const float* output;
    const float* grad_output;
    float* const* grad_inputs;
    float* const* grad_parameters;
  };

  virtual ~CustomLayer();
  // Of one image, from the shapes of one image of every input. It throws std::invalid_argument for
  // inputs that do not fit.
  virtual Shape output_shape(const std::vector<Shape>& inputs) const = 0;
  // At most eight.
  virtual std::vector<CustomParameter> parameters(const std::vector<Shape>& inputs) const;
  virtual void forward(const ForwardCall& call) const = 0;
  virtual void backward(const BackwardCall& call) const = 0;
};

// Makes the functions of a layer from its settings, which fit the description of the kind and are
// complete. It may throw std::invalid_argument.
using MakeCustomLayer = std::function<std::shared_ptr<const CustomLayer>(const Settings& settings)>;

// Adds a kind of layer until the end of the process, described as the kinds of the library are.
// From then on Layer{kind.name, settings}, the texts of C and model files have it. Every process
// that loads such a file registers the kind before. The description is copied.
//
// Names have lower-case letters, digits and underscores. The parameters are those that
// CustomLayer::parameters returns, in this order; there are no buffers. Throws
// std::invalid_argument for a description that does not fit, or a name that is taken.
CNNX_API void register_layer_kind(const LayerKind& kind, MakeCustomLayer make);

// In the order of their registration. Their texts live as long as the process.
CNNX_API std::vector<LayerKind> registered_layer_kinds();

}  // namespace cnnx
