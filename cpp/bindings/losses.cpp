// The losses and their gradients; a mean is over every row. Not calls of an Operator: a loss is no
// layer.
#include <optional>

#include "bindings.h"
#include "cnnx/binary_cross_entropy.h"
#include "cnnx/cross_entropy.h"
#include "cnnx/regression_losses.h"

namespace cnnx::bindings {
namespace {

// Contiguous int64, exactly, like FloatArray.
using LabelArray = py::array_t<int64_t, py::array::c_style>;

struct Rows {
  int64_t rows, outputs;
};

// (first axis, all other axes); a scalar is one row.
Rows rows_of(const FloatArray& array) {
  const int64_t rows = array.ndim() > 0 ? array.shape(0) : 1;
  return {rows, rows > 0 ? array.size() / rows : 0};
}

void check_logits_shape(const char* function, const FloatArray& logits) {
  if (logits.ndim() == 2) return;
  throw std::invalid_argument(std::string(function) + ": logits has shape " +
                              to_string(shape_of(logits)) + ", expected (rows, classes)");
}

void check_targets_shape(const char* function, const FloatArray& logits, const LabelArray& labels) {
  check_logits_shape(function, logits);
  if (shape_of(labels) == Shape{logits.shape(0)}) return;
  throw std::invalid_argument(std::string(function) + ": labels has shape " +
                              to_string(shape_of(labels)) + ", expected one label per row, " +
                              to_string({logits.shape(0)}));
}

void check_targets_shape(const char* function, const FloatArray& logits,
                         const FloatArray& soft_labels) {
  check_logits_shape(function, logits);
  if (shape_of(soft_labels) == shape_of(logits)) return;
  throw std::invalid_argument(std::string(function) + ": labels has shape " +
                              to_string(shape_of(soft_labels)) + ", expected one label per row, " +
                              to_string({logits.shape(0)}) + ", or soft labels, " +
                              to_string(shape_of(logits)));
}

// None, or one number per class.
const float* class_weights_of(const char* function, const std::optional<FloatArray>& weights,
                              const FloatArray& logits) {
  if (!weights) return nullptr;
  if (shape_of(*weights) == Shape{logits.shape(1)}) return weights->data();
  throw std::invalid_argument(std::string(function) + ": class_weights has shape " +
                              to_string(shape_of(*weights)) + ", expected one per class, " +
                              to_string({logits.shape(1)}));
}

// Cross-entropy with labels, int64, or with soft labels, float32.
template <class TargetArray>
void bind_cross_entropy(py::module_& module) {
  const auto logits = py::arg("logits").noconvert();
  const auto targets = py::arg("targets").noconvert();
  const auto weights = py::arg("class_weights").noconvert();
  module.def(
      "cross_entropy",
      [](const FloatArray& x, const TargetArray& y, float label_smoothing,
         const std::optional<FloatArray>& class_weights) {
        check_targets_shape("cross_entropy", x, y);
        const float* weight = class_weights_of("cross_entropy", class_weights, x);
        const float* values = x.data();
        const auto* target = y.data();
        const ReleaseGil release;
        return cross_entropy(values, target, x.shape(0), x.shape(1), {label_smoothing, weight});
      },
      logits, targets, py::arg("label_smoothing"), weights);
  module.def(
      "cross_entropy_backward",
      [](const FloatArray& x, const TargetArray& y, float label_smoothing,
         const std::optional<FloatArray>& class_weights) {
        check_targets_shape("cross_entropy_backward", x, y);
        const float* weight = class_weights_of("cross_entropy_backward", class_weights, x);
        FloatArray result = new_array(shape_of(x));
        const float* values = x.data();
        const auto* target = y.data();
        float* grad = result.mutable_data();
        const ReleaseGil release;
        const double total = cross_entropy_total(target, x.shape(0), x.shape(1), weight);
        cross_entropy_backward(values, target, x.shape(0), x.shape(1), total > 0 ? total : 1, grad,
                               false, {label_smoothing, weight});
        return result;
      },
      logits, targets, py::arg("label_smoothing"), weights);
}

using Value = double (*)(const float*, const float*, int64_t, int64_t);
using Gradient = void (*)(const float*, const float*, int64_t, int64_t, double, float*, bool);

// The losses whose targets have the shape of the outputs, as the Python side has checked.
template <Value value>
double value_of(const FloatArray& outputs, const FloatArray& targets) {
  const Rows shape = rows_of(outputs);
  const float *output = outputs.data(), *target = targets.data();
  const ReleaseGil release;
  return value(output, target, shape.rows, shape.outputs);
}

template <Gradient gradient>
FloatArray gradient_of(const FloatArray& outputs, const FloatArray& targets) {
  const Rows shape = rows_of(outputs);
  FloatArray result = new_array(shape_of(outputs));
  const float *output = outputs.data(), *target = targets.data();
  float* grad = result.mutable_data();
  const ReleaseGil release;
  gradient(output, target, shape.rows, shape.outputs, static_cast<double>(shape.rows), grad, false);
  return result;
}

}  // namespace

void bind_losses(py::module_& module) {
  const auto logits = py::arg("logits").noconvert();
  const auto targets = py::arg("targets").noconvert();
  const auto prediction = py::arg("prediction").noconvert();
  const auto target = py::arg("target").noconvert();
  bind_cross_entropy<LabelArray>(module);
  bind_cross_entropy<FloatArray>(module);
  module.def("binary_cross_entropy", &value_of<binary_cross_entropy>, logits, targets);
  module.def("binary_cross_entropy_backward", &gradient_of<binary_cross_entropy_backward>, logits,
             targets);
  module.def("mean_squared_error", &value_of<mean_squared_error>, prediction, target);
  module.def("mean_squared_error_backward", &gradient_of<mean_squared_error_backward>, prediction,
             target);
  module.def("mean_absolute_error", &value_of<mean_absolute_error>, prediction, target);
  module.def("mean_absolute_error_backward", &gradient_of<mean_absolute_error_backward>, prediction,
             target);
  module.def(
      "huber",
      [](const FloatArray& x, const FloatArray& y, float delta) {
        const Rows shape = rows_of(x);
        const float *output = x.data(), *wanted = y.data();
        const ReleaseGil release;
        return huber(output, wanted, shape.rows, shape.outputs, delta);
      },
      prediction, target, py::arg("delta"));
  module.def(
      "huber_backward",
      [](const FloatArray& x, const FloatArray& y, float delta) {
        const Rows shape = rows_of(x);
        FloatArray result = new_array(shape_of(x));
        const float *output = x.data(), *wanted = y.data();
        float* grad = result.mutable_data();
        const ReleaseGil release;
        huber_backward(output, wanted, shape.rows, shape.outputs, delta,
                       static_cast<double>(shape.rows), grad);
        return result;
      },
      prediction, target, py::arg("delta"));
}

}  // namespace cnnx::bindings
