// Calls Python functions from inside a plan, which runs without the GIL.
#include "custom_layer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "python_function.h"

namespace cnnx::bindings {
namespace {

py::tuple copies_of(const float* const* arrays, const std::vector<Shape>& shapes) {
  py::tuple copies(shapes.size());
  for (std::size_t i = 0; i < shapes.size(); ++i)
    copies[i] = py::array_t<float>(shapes[i], arrays[i]);
  return copies;
}

class PythonLayer final : public CustomLayer {
 public:
  explicit PythonLayer(py::object functions) : functions_(shared(std::move(functions))) {}

  const py::object& functions() const { return *functions_; }

  Shape output_shape(const std::vector<Shape>& inputs) const override {
    const AcquireGil gil;
    return call_method(*functions_, "output_sizes", inputs).cast<Shape>();
  }

  void forward(const ForwardCall& call) const override {
    const AcquireGil gil;
    const auto output =
        call_method(*functions_, "forward", call.layer, copies_of(call.inputs, call.input_shapes),
                    py::tuple(py::cast(call.output_shape)))
            .cast<FloatArray>();
    std::copy_n(output.data(), output.size(), call.output);
  }

  void backward(const BackwardCall& call) const override {
    const AcquireGil gil;
    const auto gradients = call_method(*functions_, "backward", call.layer,
                                       py::array_t<float>(call.output_shape, call.grad_output),
                                       copies_of(call.inputs, call.input_shapes))
                               .cast<std::vector<FloatArray>>();
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (call.grad_inputs[i])
        std::copy_n(gradients[i].data(), gradients[i].size(), call.grad_inputs[i]);
    }
  }

 private:
  std::shared_ptr<py::object> functions_;
};

}  // namespace

std::shared_ptr<const CustomLayer> custom_layer(py::object functions) {
  return std::make_shared<PythonLayer>(std::move(functions));
}

py::object functions_of(const CustomLayer& layer) {
  const auto* own = dynamic_cast<const PythonLayer*>(&layer);
  return own ? own->functions() : py::none();
}

}  // namespace cnnx::bindings
