// Models in C: create, load, save, query, predict.
#include "cnnx/model.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>

#include "c_api/model_text.h"
#include "c_api/status.h"
#include "cnnx/preprocessing.h"

using cnnx::ImageBatch;
using cnnx::ImageView;
using cnnx::kComputeDtypes;
using cnnx::kProbabilities;
using cnnx::Model;
using cnnx::c_api::Call;
using cnnx::c_api::guarded;

namespace {

int64_t output_count(const Model& model) { return cnnx::element_count(model.output_shape()); }

int64_t class_count(const Model& model) {
  const int64_t outputs = output_count(model);
  return outputs == 1 ? 2 : outputs;
}

template <class Value, std::size_t count>
cnnx_status get_name(const char* function, const cnnx_model* model,
                     const cnnx::NamedValue<Value> (&values)[count], Value (Model::*get)() const,
                     const char** name, const char* argument) {
  return guarded(function, [&](const Call& call) {
    const Model& given = call.model(model);
    call.not_null(name, argument) = name_of(values, (given.*get)());
  });
}

template <class Value, std::size_t count>
cnnx_status set_by_name(const char* function, cnnx_model* model,
                        const cnnx::NamedValue<Value> (&values)[count], void (Model::*set)(Value),
                        const char* name, const char* argument) {
  return guarded(function, [&](const Call& call) {
    Model& given = call.model(model);
    (given.*set)(call.named_value(values, name, argument));
  });
}

}  // namespace

cnnx_status cnnx_model_create(const char* layers, int64_t height, int64_t width, int64_t channels,
                              const char* const* classes, int64_t class_count, const char* options,
                              cnnx_model** model) {
  return guarded(__func__, [&](const Call& call) {
    cnnx::ModelOptions given = cnnx::c_api::model_options_of(call, options);
    for (int64_t i = 0; i < call.not_negative(class_count, "class_count"); ++i)
      given.classes.emplace_back(
          call.text((&call.not_null(classes, "classes"))[i], "a class name"));
    cnnx_model*& result = call.not_null(model, "model");
    result = new cnnx_model{
        Model(cnnx::c_api::layers_of(call, layers, "layers"), {height, width, channels}, given)};
  });
}

cnnx_status cnnx_model_load(const char* path, cnnx_model** model) {
  return guarded(__func__, [&](const Call& call) {
    cnnx_model*& result = call.not_null(model, "model");
    result = new cnnx_model{Model::load(call.path(path))};
  });
}

cnnx_status cnnx_model_from_bytes(const void* bytes, int64_t size, cnnx_model** model) {
  return guarded(__func__, [&](const Call& call) {
    cnnx_model*& result = call.not_null(model, "model");
    call.not_null(static_cast<const char*>(bytes), "bytes");
    const auto count = static_cast<std::size_t>(call.not_negative(size, "size"));
    result = new cnnx_model{Model::from_bytes(bytes, count)};
  });
}

cnnx_status cnnx_model_save(const cnnx_model* model, const char* path) {
  return guarded(__func__, [&](const Call& call) { call.model(model).save(call.path(path)); });
}

cnnx_status cnnx_model_to_bytes(const cnnx_model* model, void* bytes, int64_t room, int64_t* size) {
  return guarded(__func__, [&](const Call& call) {
    int64_t& result = call.not_null(size, "size");
    const auto content = call.model(model).to_bytes();
    const auto count = static_cast<int64_t>(content.size());
    if (call.not_negative(room, "room") >= count)
      std::copy(content.begin(), content.end(),
                &call.not_null(static_cast<std::byte*>(bytes), "bytes"));
    result = count;
  });
}

cnnx_status cnnx_model_clone(const cnnx_model* model, cnnx_model** clone) {
  return guarded(__func__, [&](const Call& call) {
    cnnx_model*& result = call.not_null(clone, "clone");
    result = new cnnx_model{call.model(model).clone()};
  });
}

cnnx_status cnnx_model_resized(const cnnx_model* model, int64_t height, int64_t width,
                               cnnx_model** clone) {
  return guarded(__func__, [&](const Call& call) {
    cnnx_model*& result = call.not_null(clone, "clone");
    result = new cnnx_model{call.model(model).resized(height, width)};
  });
}

void cnnx_model_destroy(cnnx_model* model) { delete model; }

cnnx_status cnnx_model_memory_bytes(const cnnx_model* model, int64_t count, int64_t* bytes) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(bytes, "bytes") = call.model(model).memory_bytes(count);
  });
}

cnnx_status cnnx_model_warm_up(const cnnx_model* model, int64_t count) {
  return guarded(__func__, [&](const Call& call) { call.model(model).warm_up(count); });
}

cnnx_status cnnx_model_release(cnnx_model* model) {
  return guarded(__func__, [&](const Call& call) { call.model(model).release(); });
}

cnnx_status cnnx_model_compute_dtype(const cnnx_model* model, const char** dtype) {
  return get_name(__func__, model, kComputeDtypes, &Model::compute_dtype, dtype, "dtype");
}

cnnx_status cnnx_model_set_compute_dtype(cnnx_model* model, const char* dtype) {
  return set_by_name(__func__, model, kComputeDtypes, &Model::set_compute_dtype, dtype, "dtype");
}

cnnx_status cnnx_model_preprocessing(const cnnx_model* model, const char** resize, float* mean,
                                     float* std, int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const int64_t channels = given.input_shape()[2];
    const cnnx::Preprocessing& preprocessing = given.preprocessing();
    // One number is that of every channel.
    const auto write = [&](const std::vector<float>& values, float* target, const char* argument) {
      if (!target) return;
      call.array(target, argument, room, channels);
      for (int64_t i = 0; i < channels; ++i)
        target[i] = values[values.size() == 1 ? 0 : static_cast<std::size_t>(i)];
    };
    write(preprocessing.mean, mean, "mean");
    write(preprocessing.std, std, "std");
    if (resize) *resize = name_of(cnnx::kResizes, preprocessing.resize);
  });
}

cnnx_status cnnx_model_probability_kind(const cnnx_model* model, const char** kind) {
  return get_name(__func__, model, kProbabilities, &Model::probability_kind, kind, "kind");
}

cnnx_status cnnx_model_set_probability_kind(cnnx_model* model, const char* kind) {
  return set_by_name(__func__, model, kProbabilities, &Model::set_probability_kind, kind, "kind");
}

cnnx_status cnnx_model_temperature(const cnnx_model* model, float* temperature) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(temperature, "temperature") = call.model(model).temperature();
  });
}

cnnx_status cnnx_model_set_temperature(cnnx_model* model, float temperature) {
  return guarded(__func__,
                 [&](const Call& call) { call.model(model).set_temperature(temperature); });
}

cnnx_status cnnx_model_metadata_count(const cnnx_model* model, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(count, "count") = static_cast<int64_t>(call.model(model).metadata().size());
  });
}

cnnx_status cnnx_model_metadata(const cnnx_model* model, int64_t index, const char** name,
                                const char** text) {
  return guarded(__func__, [&](const Call& call) {
    const auto metadata = call.model(model).metadata();
    auto each = metadata.begin();
    std::advance(each, static_cast<std::ptrdiff_t>(call.index(index, metadata.size())));
    call.not_null(name, "name") = model->texts.keep(each->first);
    call.not_null(text, "text") = model->texts.keep(each->second);
  });
}

cnnx_status cnnx_model_set_metadata(cnnx_model* model, const char* name, const char* text) {
  return guarded(__func__, [&](const Call& call) {
    auto metadata = call.model(model).metadata();
    const std::string key(call.text(name, "name"));
    if (text) {
      metadata[key] = call.text(text, "text");
    } else {
      metadata.erase(key);
    }
    call.model(model).set_metadata(metadata);
  });
}

cnnx_status cnnx_model_input_shape(const cnnx_model* model, int64_t* height, int64_t* width,
                                   int64_t* channels) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Shape& shape = call.model(model).input_shape();
    call.not_null(height, "height") = shape[0];
    call.not_null(width, "width") = shape[1];
    call.not_null(channels, "channels") = shape[2];
  });
}

cnnx_status cnnx_model_output_count(const cnnx_model* model, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(count, "count") = output_count(call.model(model));
  });
}

cnnx_status cnnx_model_output_shape(const cnnx_model* model, int64_t* shape, int64_t room,
                                    int64_t* axes) {
  return guarded(__func__, [&](const Call& call) {
    call.write_shape(call.model(model).output_shape(), shape, room, axes);
  });
}

cnnx_status cnnx_model_class_count(const cnnx_model* model, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(count, "count") = class_count(call.model(model));
  });
}

cnnx_status cnnx_model_class_name(const cnnx_model* model, int64_t index, const char** name) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const char*& result = call.not_null(name, "name");
    const std::size_t place = call.index(index, static_cast<uint64_t>(class_count(given)));
    result = given.classes().empty() ? model->texts.keep(std::to_string(index))
                                     : given.classes()[place].c_str();
  });
}

cnnx_status cnnx_model_predict(const cnnx_model* model, const cnnx_image* image, int64_t* index,
                               float* probabilities, int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    if (probabilities) call.array(probabilities, "probabilities", room, class_count(given));
    const cnnx::Prediction prediction = given.predict(call.image(image));
    if (index) *index = prediction.index;
    if (probabilities) {
      std::copy(prediction.probabilities.begin(), prediction.probabilities.end(), probabilities);
    }
  });
}

cnnx_status cnnx_model_resize(const cnnx_model* model, const cnnx_image* image, void* pixels,
                              int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const cnnx::Shape& shape = given.input_shape();
    const ImageView view = call.image(image);
    const cnnx::Resize how = given.preprocessing().resize;
    const auto resize = [&](auto* output) {
      call.array(output, "pixels", room, cnnx::element_count(shape));
      cnnx::resize_image(view, shape[0], shape[1], shape[2], how, output);
    };
    if (view.type == cnnx::PixelType::uint8) {
      resize(static_cast<uint8_t*>(pixels));
    } else {
      resize(static_cast<float*>(pixels));
    }
  });
}

cnnx_status cnnx_model_run(const cnnx_model* model, const void* pixels, cnnx_pixel_type type,
                           int64_t count, float* outputs, int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const ImageBatch images = call.images(pixels, type, count);
    given.run(images, call.batch_array(outputs, "outputs", room, count, output_count(given)));
  });
}

cnnx_status cnnx_model_probabilities(const cnnx_model* model, const void* pixels,
                                     cnnx_pixel_type type, int64_t count, float* probabilities,
                                     int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const ImageBatch images = call.images(pixels, type, count);
    given.probabilities(
        images, call.batch_array(probabilities, "probabilities", room, count, output_count(given)));
  });
}

cnnx_status cnnx_model_set_trainable(cnnx_model* model, const char* layer, int32_t trainable) {
  return guarded(__func__, [&](const Call& call) {
    call.model(model).set_trainable(std::string(call.text(layer, "layer")),
                                    call.flag(trainable, "trainable"));
  });
}

cnnx_status cnnx_model_outputs_to_probabilities(const cnnx_model* model, float* outputs,
                                                int64_t count) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    call.not_negative(count, "count");
    given.outputs_to_probabilities(&call.not_null(outputs, "outputs"), count);
  });
}
