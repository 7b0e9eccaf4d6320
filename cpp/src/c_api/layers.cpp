// The layers of a model in C: their outputs, and gradients with respect to them.
#include <algorithm>
#include <string>

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

}  // namespace

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
    const std::string name(call.text(layer, "layer"));
    if (name == "input") call.refuse("layer is \"input\", expected the name of a layer");
    const int64_t each = cnnx::element_count(layer_shape(call, given, name));
    float* const array = call.batch_array(output, "output", room, count, each);
    given.layer_outputs(images, {name}, &array);
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
