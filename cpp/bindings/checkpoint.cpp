// Checkpoint: the file, read and checked, and its metadata as Python values.
#include "checkpoint.h"

namespace cnnx::bindings {
namespace {

template <class Float>
using Array = py::array_t<Float, py::array::c_style>;

template <class Float>
std::vector<Float> values_of(const py::array& array) {
  const auto* first = static_cast<const Float*>(array.data());
  return std::vector<Float>(first, first + array.size());
}

py::dict arrays_of(const CheckpointMetadata& metadata) {
  py::dict arrays;
  for (const MetadataArray& array : metadata.arrays) {
    std::visit(
        [&](const auto& values) {
          using Float = typename std::decay_t<decltype(values)>::value_type;
          arrays[py::str(array.name)] = Array<Float>(array.shape, values.data());
        },
        array.values);
  }
  return arrays;
}

}  // namespace

CheckpointMetadata metadata_of(std::string text, const py::dict& arrays) {
  CheckpointMetadata metadata{std::move(text), {}};
  for (const auto& [name, value] : arrays) {
    const auto array = value.cast<py::array>();
    MetadataArray noted{name.cast<std::string>(), shape_of(array), {}};
    if (py::isinstance<Array<double>>(array)) {
      noted.values = values_of<double>(array);
    } else if (py::isinstance<Array<float>>(array)) {
      noted.values = values_of<float>(array);
    } else {
      throw py::type_error("expected contiguous float32 or float64");
    }
    metadata.arrays.push_back(std::move(noted));
  }
  return metadata;
}

void bind_checkpoint(py::module_& module) {
  py::classh<Checkpoint>(module, "Checkpoint")
      .def_static("load", &Checkpoint::load, py::arg("path"), py::call_guard<ReleaseGil>())
      .def_property_readonly("model", &Checkpoint::model)
      .def_property_readonly(
          "text", [](const Checkpoint& checkpoint) { return checkpoint.metadata().text; })
      .def_property_readonly(
          "arrays", [](const Checkpoint& checkpoint) { return arrays_of(checkpoint.metadata()); });
}

}  // namespace cnnx::bindings
