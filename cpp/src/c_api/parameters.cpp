// A model's parameters and buffers in C: their names, shapes and values.
#include <string>
#include <vector>

#include "c_api/status.h"
#include "cnnx/model.h"

using cnnx::Model;
using cnnx::ParameterInfo;
using cnnx::c_api::Call;
using cnnx::c_api::guarded;

namespace {

using Infos = std::vector<ParameterInfo>;

struct Array {
  const ParameterInfo& info;
  bool is_buffer;
};

Array find(const Call& call, const Model& model, const char* name) {
  const std::string wanted(call.text(name, "name"));
  for (const Infos* infos : {&model.parameters(), &model.buffers()}) {
    for (const ParameterInfo& info : *infos) {
      if (info.name == wanted) return {info, infos == &model.buffers()};
    }
  }
  call.refuse("the model has no parameter and no buffer named \"" + wanted + "\"");
}

void check_count(const Call& call, const ParameterInfo& info, int64_t count) {
  const int64_t size = cnnx::element_count(info.shape);
  if (count == size) return;
  call.refuse("count is " + std::to_string(count) + ", but " + info.name + " has shape " +
              cnnx::to_string(info.shape) + ", expected " + std::to_string(size));
}

const char* name_of(const Call& call, const Infos& infos, int64_t index) {
  return infos[call.index(index, infos.size())].name.c_str();
}

}  // namespace

cnnx_status cnnx_model_parameter_count(const cnnx_model* model, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    const Infos& parameters = call.model(model).parameters();
    call.not_null(count, "count") = static_cast<int64_t>(parameters.size());
  });
}

cnnx_status cnnx_model_buffer_count(const cnnx_model* model, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    const Infos& buffers = call.model(model).buffers();
    call.not_null(count, "count") = static_cast<int64_t>(buffers.size());
  });
}

cnnx_status cnnx_model_parameter_name(const cnnx_model* model, int64_t index, const char** name) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    call.not_null(name, "name") = name_of(call, given.parameters(), index);
  });
}

cnnx_status cnnx_model_buffer_name(const cnnx_model* model, int64_t index, const char** name) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    call.not_null(name, "name") = name_of(call, given.buffers(), index);
  });
}

cnnx_status cnnx_model_array_shape(const cnnx_model* model, const char* name, int64_t* shape,
                                   int64_t room, int64_t* axes) {
  return guarded(__func__, [&](const Call& call) {
    call.write_shape(find(call, call.model(model), name).info.shape, shape, room, axes);
  });
}

cnnx_status cnnx_model_get_array(const cnnx_model* model, const char* name, float* values,
                                 int64_t count) {
  return guarded(__func__, [&](const Call& call) {
    const Model& given = call.model(model);
    const Array array = find(call, given, name);
    check_count(call, array.info, count);
    call.not_null(values, "values");
    array.is_buffer ? given.get_buffer(array.info, values)
                    : given.get_parameter(array.info, values);
  });
}

cnnx_status cnnx_model_set_array(cnnx_model* model, const char* name, const float* values,
                                 int64_t count) {
  return guarded(__func__, [&](const Call& call) {
    Model& given = call.model(model);
    const Array array = find(call, given, name);
    check_count(call, array.info, count);
    call.not_null(values, "values");
    array.is_buffer ? given.set_buffer(array.info, values)
                    : given.set_parameter(array.info, values);
  });
}
