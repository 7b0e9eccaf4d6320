// The layers of a model in C: their outputs, and gradients with respect to them.
#include <algorithm>
#include <string>
#include <vector>

#include "c_api/call.h"
#include "c_api/status.h"
#include "cnnx/c_api.h"
#include "cnnx/model.h"

using cnnx::ImageBatch;
using cnnx::Model;
using cnnx::Shape;
using cnnx::c_api::Call;
using cnnx::c_api::guarded;

namespace {

// Of the layer's output for one image, or of the image for "input".
Shape layer_shape(const Call& call, const Model& model, const std::string& layer) {
  if (layer == "input") return model.input_shape();
  for (const cnnx::LayerInfo& info : model.layer_infos()) {
    if (info.name == layer) return info.output_shape;
  }
  call.refuse("layer is \"" + layer + "\", expected the name of a layer, or \"input\"");
}

// The name of a layer, which "input" is not.
std::string layer_name(const Call& call, const char* layer) {
  std::string name(call.text(layer, "layer"));
  if (name == "input") call.refuse("layer is \"input\", expected the name of a layer");
  return name;
}

}  // namespace

cnnx_status cnnx_model_layer_count(const cnnx_model* model, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(count, "count") = static_cast<int64_t>(call.model(model).layer_infos().size());
  });
}

cnnx_status cnnx_model_layer_info(const cnnx_model* model, int64_t index, const char** name,
                                  const char** kind, int64_t* parameter_count) {
  return guarded(__func__, [&](const Call& call) {
    const std::vector<cnnx::LayerInfo> infos = call.model(model).layer_infos();
    const cnnx::LayerInfo& info = infos[call.index(index, infos.size())];
    if (name) *name = model->texts.keep(info.name);
    if (kind) *kind = model->texts.keep(info.kind);
    if (parameter_count) *parameter_count = info.parameter_count;
  });
}

cnnx_status cnnx_model_layer_times(const cnnx_model* model, const void* pixels,
                                   cnnx_pixel_type type, int64_t count, int64_t repetitions,
                                   double* seconds, int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const ImageBatch images = call.images(pixels, type, count);
    const std::vector<cnnx::LayerInfo> infos = given.layer_infos();
    call.array(seconds, "seconds", room, static_cast<int64_t>(infos.size()));
    std::fill_n(seconds, infos.size(), 0.0);
    for (const cnnx::LayerTime& time : given.layer_times(images, repetitions)) {
      const auto first = std::find_if(infos.begin(), infos.end(), [&](const auto& info) {
        return info.name == time.layers.front();
      });
      // Conversions of precision are steps of their own.
      seconds[first - infos.begin()] += time.forward;
    }
  });
}

cnnx_status cnnx_model_layer_shape(const cnnx_model* model, const char* layer, int64_t* shape,
                                   int64_t room, int64_t* axes) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const std::string name(call.text(layer, "layer"));
    call.write_shape(layer_shape(call, given, name), shape, room, axes);
  });
}

cnnx_status cnnx_model_layer_output(const cnnx_model* model, const void* pixels,
                                    cnnx_pixel_type type, int64_t count, const char* layer,
                                    float* output, int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const ImageBatch images = call.images(pixels, type, count);
    const std::string name = layer_name(call, layer);
    const int64_t each = cnnx::element_count(layer_shape(call, given, name));
    float* const array = call.batch_array(output, "output", room, count, each);
    given.layer_outputs(images, {name}, &array);
  });
}

cnnx_status cnnx_model_layer_outputs(const cnnx_model* model, const void* pixels,
                                     cnnx_pixel_type type, int64_t count, const char* const* layers,
                                     int64_t layer_count, float* outputs, int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const ImageBatch images = call.images(pixels, type, count);
    if (layer_count < 1)
      call.refuse("layer_count is " + std::to_string(layer_count) + ", expected at least 1");
    std::vector<std::string> names;
    std::vector<int64_t> sizes;
    int64_t each = 0;
    for (int64_t i = 0; i < layer_count; ++i) {
      names.push_back(layer_name(call, (&call.not_null(layers, "layers"))[i]));
      sizes.push_back(cnnx::element_count(layer_shape(call, given, names.back())));
      each += sizes.back();
    }
    float* array = call.batch_array(outputs, "outputs", room, count, each);
    std::vector<float*> arrays;
    for (const int64_t size : sizes) {
      arrays.push_back(array);
      array += count * size;
    }
    given.layer_outputs(images, names, arrays.data());
  });
}

cnnx_status cnnx_model_gradients(const cnnx_model* model, const void* pixels, cnnx_pixel_type type,
                                 int64_t count, const float* grad_outputs, const char* layer,
                                 float* gradients, int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const ImageBatch images = call.images(pixels, type, count);
    const std::string name(call.text(layer, "layer"));
    if (count > 0) call.not_null(grad_outputs, "grad_outputs");
    const int64_t each = cnnx::element_count(layer_shape(call, given, name));
    given.gradients(images, grad_outputs, name,
                    call.batch_array(gradients, "gradients", room, count, each));
  });
}
