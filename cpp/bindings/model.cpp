// Model: built from plain values, run on arrays that cnnx.arguments has checked.
#include "cnnx/model.h"

#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "bindings.h"
#include "custom_layer.h"
#include "image_batch.h"
#include "layer.h"
#include "signal_check.h"

namespace cnnx::bindings {
namespace {

py::object python_of(const Setting& value) {
  return std::visit([](const auto& each) -> py::object { return py::cast(each); }, value);
}

// As `layer_of` takes them.
py::dict settings_of(const Layer& layer) {
  py::dict settings;
  for (const auto& [key, value] : layer.settings) settings[py::str(key)] = python_of(value);
  if (layer.custom) settings["functions"] = functions_of(*layer.custom);
  return settings;
}

Model make_model(const std::vector<py::tuple>& layers, const Shape& input_shape,
                 const std::vector<std::string>& classes, const std::string& resize,
                 const std::vector<float>& mean, const std::vector<float>& std, uint64_t seed,
                 const std::vector<std::string>& given_parameters) {
  std::vector<Layer> made;
  for (const py::tuple& layer : layers) made.push_back(layer_of(layer));
  return Model(made, input_shape,
               {classes, {resize_of(resize), mean, std}, seed, given_parameters});
}

const ParameterInfo& find(const std::vector<ParameterInfo>& arrays, const std::string& name) {
  for (const ParameterInfo& array : arrays) {
    if (array.name == name) return array;
  }
  throw py::key_error(name);
}

py::list tuples_of(const std::vector<ParameterInfo>& arrays) {
  py::list infos;
  for (const ParameterInfo& info : arrays)
    infos.append(py::make_tuple(info.name, info.shape, info.offset));
  return infos;
}

// How Python reads and assigns a model's parameters, or its buffers, by name.
struct NamedArrays {
  const char *singular, *plural;
  const std::vector<ParameterInfo>& (Model::*infos)() const;
  void (Model::*get)(const ParameterInfo&, float*) const;
  void (Model::*set)(const ParameterInfo&, const float*);
};

FloatArray get(const Model& model, const NamedArrays& arrays, const std::string& name) {
  const ParameterInfo& array = find((model.*arrays.infos)(), name);
  FloatArray values = new_array(array.shape);
  float* const data = values.mutable_data();
  const ReleaseGil release;
  (model.*arrays.get)(array, data);
  return values;
}

void set(Model& model, const NamedArrays& arrays, const std::string& name,
         const FloatArray& values) {
  const ParameterInfo& array = find((model.*arrays.infos)(), name);
  if (shape_of(values) != array.shape) {
    throw py::value_error(std::string(arrays.plural) + ": " + array.name + " has shape " +
                          to_string(array.shape) + ", but the array assigned to it has shape " +
                          to_string(shape_of(values)));
  }
  const ReleaseGil release;
  (model.*arrays.set)(array, values.data());
}

// A result of one array of `shape` per image.
FloatArray run_into(const Model& model, const py::array& pixels, bool integer_values,
                    void (Model::*method)(const ImageBatch&, float*, const std::function<void()>&)
                        const) {
  const ImageBatch images = image_batch(pixels, integer_values);
  Shape shape{images.count};
  shape.insert(shape.end(), model.output_shape().begin(), model.output_shape().end());
  FloatArray result = new_array(shape);
  float* data = result.mutable_data();
  const ReleaseGil release;
  (model.*method)(images, data, SignalCheck());
  return result;
}

// [(layers, seconds)]
py::list layer_times(const Model& model, const py::array& pixels, int64_t repetitions) {
  const ImageBatch images = image_batch(pixels, false);
  std::vector<LayerTime> times;
  {
    const ReleaseGil release;
    times = model.layer_times(images, repetitions);
  }
  py::list found;
  for (const LayerTime& time : times) found.append(py::make_tuple(time.layers, time.forward));
  return found;
}

// (count, ...), where the shape of one image is that of the layer, or `input` for another name.
FloatArray array_for(const std::vector<LayerInfo>& layers, const std::string& layer,
                     const Shape& input, int64_t count) {
  Shape shape = input;
  for (const LayerInfo& info : layers) {
    if (info.name == layer) shape = info.output_shape;
  }
  shape.insert(shape.begin(), count);
  return new_array(shape);
}

py::dict layer_outputs(const Model& model, const py::array& pixels, bool integer_values,
                       const std::vector<std::string>& names) {
  const ImageBatch images = image_batch(pixels, integer_values);
  const std::vector<LayerInfo> layers = model.layer_infos();
  py::dict results;
  std::vector<float*> pointers;
  for (const std::string& name : names) {
    FloatArray array = array_for(layers, name, model.input_shape(), images.count);
    pointers.push_back(array.mutable_data());
    results[py::str(name)] = array;
  }
  const ReleaseGil release;
  model.layer_outputs(images, names, pointers.data());
  return results;
}

FloatArray gradients(const Model& model, const py::array& pixels, bool integer_values,
                     const FloatArray& grad_outputs, const std::string& of) {
  const ImageBatch images = image_batch(pixels, integer_values);
  FloatArray result = array_for(model.layer_infos(), of, model.input_shape(), images.count);
  float* data = result.mutable_data();
  const ReleaseGil release;
  model.gradients(images, grad_outputs.data(), of, data);
  return result;
}

using ModelClass = py::classh<Model>;

void bind_files(ModelClass& type) {
  type.def_static("load", &Model::load, py::arg("path"), py::call_guard<ReleaseGil>())
      .def_static(
          "from_bytes",
          [](const py::bytes& content) {
            const std::string_view view = content;
            const ReleaseGil release;
            return Model::from_bytes(view.data(), view.size());
          },
          py::arg("content"))
      .def("save", &Model::save, py::arg("path"), py::call_guard<ReleaseGil>())
      .def("to_bytes",
           [](const Model& model) {
             std::vector<std::byte> content;
             {
               const ReleaseGil release;
               content = model.to_bytes();
             }
             return py::bytes(reinterpret_cast<const char*>(content.data()), content.size());
           })
      .def("clone", &Model::clone, py::call_guard<ReleaseGil>())
      .def("resized", &Model::resized, py::arg("height"), py::arg("width"),
           py::call_guard<ReleaseGil>())
      .def("memory_bytes", &Model::memory_bytes, py::arg("count"), py::call_guard<ReleaseGil>())
      .def("warm_up", &Model::warm_up, py::arg("count"), py::call_guard<ReleaseGil>())
      .def("release", &Model::release, py::call_guard<ReleaseGil>());
}

void bind_runs(ModelClass& type) {
  type.def(
          "run",
          [](const Model& model, const py::array& pixels, bool integer_values) {
            return run_into(model, pixels, integer_values, &Model::run);
          },
          py::arg("pixels"), py::arg("integer_values"))
      .def(
          "probabilities",
          [](const Model& model, const py::array& pixels, bool integer_values) {
            return run_into(model, pixels, integer_values, &Model::probabilities);
          },
          py::arg("pixels"), py::arg("integer_values"))
      .def(
          "outputs_to_probabilities",
          [](const Model& model, const FloatArray& outputs) {
            FloatArray result = new_array(shape_of(outputs));
            std::copy_n(outputs.data(), outputs.size(), result.mutable_data());
            float* data = result.mutable_data();
            const ReleaseGil release;
            model.outputs_to_probabilities(data, outputs.shape(0));
            return result;
          },
          py::arg("outputs").noconvert())
      .def("layer_outputs", &layer_outputs, py::arg("pixels"), py::arg("integer_values"),
           py::arg("names"))
      .def("gradients", &gradients, py::arg("pixels"), py::arg("integer_values"),
           py::arg("grad_outputs"), py::arg("of"))
      .def("layer_times", &layer_times, py::arg("pixels"), py::arg("repetitions"));
}

// Of a name that Python has checked.
template <class Value, std::size_t count>
Value value_of(const NamedValue<Value> (&values)[count], const std::string& name) {
  Value value;
  if (find_value(values, name, value)) return value;
  throw std::invalid_argument("model: \"" + name + "\" is no known word");
}

std::vector<Head> heads_of(const Model& model) {
  const ReleaseGil release;  // a step of training may hold the model's lock
  return model.heads();
}

void bind_description(ModelClass& type) {
  type.def_property_readonly("input_shape", &Model::input_shape)
      .def_property_readonly("output_shape", &Model::output_shape)
      .def_property_readonly("inputs",
                             [](const Model& model) {
                               py::list list;
                               for (const InputInfo& input : model.inputs())
                                 list.append(py::make_tuple(input.name, input.shape, input.offset));
                               return list;
                             })
      .def_property_readonly("classes", &Model::classes)
      .def_property_readonly("preprocessing",
                             [](const Model& model) {
                               const Preprocessing& how = model.preprocessing();
                               return std::make_tuple(name_of(kResizes, how.resize), how.mean,
                                                      how.std);
                             })
      .def_property(
          "temperature",
          [](const Model& model) {
            const ReleaseGil release;  // a step of training may hold the model's lock
            return model.temperature();
          },
          [](Model& model, float temperature) {
            const ReleaseGil release;
            model.set_temperature(temperature);
          })
      .def_property(
          "metadata",
          [](const Model& model) {
            const ReleaseGil release;  // as above
            return model.metadata();
          },
          [](Model& model, const std::map<std::string, std::string>& metadata) {
            const ReleaseGil release;
            model.set_metadata(metadata);
          })
      .def_property(
          "probability_kind",
          [](const Model& model) { return name_of(kProbabilities, model.probability_kind()); },
          [](Model& model, const std::string& given) {
            model.set_probability_kind(value_of(kProbabilities, given));
          })
      .def_property_readonly(
          "heads",
          [](const Model& model) {
            py::list list;
            for (const Head& head : heads_of(model)) {
              list.append(py::make_tuple(head.name, head.shape, head.offset,
                                         name_of(kProbabilities, head.probabilities)));
            }
            return list;
          })
      .def(
          "set_heads",
          [](Model& model, const std::vector<std::tuple<std::string, Shape, std::string>>& given) {
            std::vector<Head> heads;
            for (const auto& [name, shape, kind] : given)
              heads.push_back({name, shape, 0, value_of(kProbabilities, kind)});
            const ReleaseGil release;
            model.set_heads(std::move(heads));
          },
          py::arg("heads"))
      .def_property(
          "compute_dtype",
          [](const Model& model) {
            const ReleaseGil release;  // a step of training may hold the model's lock
            return name_of(kComputeDtypes, model.compute_dtype());
          },
          [](Model& model, const std::string& given) {
            const ReleaseGil release;
            model.set_compute_dtype(value_of(kComputeDtypes, given));
          });
}

void bind_layers(ModelClass& type) {
  type.def_property_readonly(
          "layers",
          [](const Model& model) {
            std::vector<Layer> described;
            {
              const ReleaseGil release;
              described = model.layers();
            }
            py::list layers;
            for (const Layer& layer : described) {
              layers.append(py::make_tuple(layer.kind, settings_of(layer), layer.name, layer.inputs,
                                           layer.trainable));
            }
            return layers;
          })
      .def_property_readonly(
          "layer_infos",
          [](const Model& model) {
            py::list infos;
            for (const LayerInfo& info : model.layer_infos()) {
              infos.append(
                  py::make_tuple(info.name, info.kind, info.output_shape, info.parameter_count));
            }
            return infos;
          })
      .def("set_trainable", &Model::set_trainable, py::arg("layer"), py::arg("trainable"),
           py::call_guard<ReleaseGil>());
}

void bind_arrays(ModelClass& type, const NamedArrays& arrays) {
  const std::string name = arrays.singular;
  type.def_property_readonly(
          (name + "_infos").c_str(),
          [arrays](const Model& model) { return tuples_of((model.*arrays.infos)()); })
      .def(("get_" + name).c_str(),
           [arrays](const Model& model, const std::string& array) {
             return get(model, arrays, array);
           },
           py::arg("name"))
      .def(("set_" + name).c_str(),
           [arrays](Model& model, const std::string& array, const FloatArray& values) {
             set(model, arrays, array, values);
           },
           py::arg("name"), py::arg("values").noconvert());
}

}  // namespace

void bind_model(py::module_& module) {
  module.def(
      "check_layer",
      [](const std::string& kind, const py::dict& settings) {
        check_layer(layer_of(kind, settings));
      },
      py::arg("kind"), py::arg("settings"));

  ModelClass type(module, "Model");
  type.def(py::init(&make_model), py::arg("layers"), py::arg("input_shape"), py::arg("classes"),
           py::arg("resize"), py::arg("mean"), py::arg("std"), py::arg("seed"),
           py::arg("given_parameters"));
  bind_files(type);
  bind_runs(type);
  bind_description(type);
  bind_layers(type);
  bind_arrays(type, {"parameter", "parameters", &Model::parameters, &Model::get_parameter,
                     &Model::set_parameter});
  bind_arrays(type, {"buffer", "buffers", &Model::buffers, &Model::get_buffer, &Model::set_buffer});
}

}  // namespace cnnx::bindings
