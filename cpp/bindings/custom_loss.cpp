// Calls a Python function from inside a train step, which runs without the GIL.
#include "custom_loss.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "python_function.h"

namespace cnnx::bindings {
namespace {

template <class Number>
py::array copy_of(const Number* values, int64_t images, int64_t size) {
  return py::array_t<Number>({images, size}, values);
}

}  // namespace

Loss custom_loss(const py::dict& settings) {
  Loss loss;
  loss.kind = Loss::Kind::custom;
  loss.takes_logits = settings["takes_logits"].cast<bool>();
  loss.target_size = settings["target_size"].cast<int64_t>();
  const auto function = shared(settings["function"]);
  const int64_t outputs = settings["output_size"].cast<int64_t>();
  const int64_t labels = settings["label_count"].cast<int64_t>();
  const int64_t values = loss.target_size > 0 ? loss.target_size : outputs;
  loss.function = [=](const float* output, const Targets& targets, int64_t images, float* grad) {
    const AcquireGil gil;
    const py::array target = targets.labels ? copy_of(targets.labels, images, labels)
                                            : copy_of(targets.values, images, values);
    const auto [mean, gradient] =
        call(*function, py::make_tuple(copy_of(output, images, outputs), target, grad != nullptr))
            .cast<std::pair<double, std::optional<FloatArray>>>();
    if (grad) std::copy_n(gradient.value().data(), images * outputs, grad);
    return mean;
  };
  return loss;
}

}  // namespace cnnx::bindings
