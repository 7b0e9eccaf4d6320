// The inputs and outputs of models that have several, in C.
#include <string>
#include <utility>
#include <vector>

#include "c_api/status.h"
#include "cnnx/model.h"
#include "cnnx/shape.h"

using cnnx::Head;
using cnnx::kProbabilities;
using cnnx::c_api::Call;
using cnnx::c_api::guarded;

namespace {

Head head_at(const Call& call, const cnnx_model* model, int64_t index) {
  std::vector<Head> heads = call.model(model).heads();
  return std::move(heads[call.index(index, heads.size())]);
}

}  // namespace

cnnx_status cnnx_model_input_part_count(const cnnx_model* model, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(count, "count") = static_cast<int64_t>(call.model(model).inputs().size());
  });
}

cnnx_status cnnx_model_input_part(const cnnx_model* model, int64_t index, const char** name,
                                  int64_t* offset, int64_t* height, int64_t* width,
                                  int64_t* channels) {
  return guarded(__func__, [&](const Call& call) {
    const std::vector<cnnx::InputInfo>& inputs = call.model(model).inputs();
    const cnnx::InputInfo& input = inputs[call.index(index, inputs.size())];
    if (name) *name = model->texts.keep(input.name);
    if (offset) *offset = input.offset;
    if (height) *height = input.shape[0];
    if (width) *width = input.shape[1];
    if (channels) *channels = input.shape[2];
  });
}

cnnx_status cnnx_model_head_count(const cnnx_model* model, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(count, "count") = static_cast<int64_t>(call.model(model).heads().size());
  });
}

cnnx_status cnnx_model_head(const cnnx_model* model, int64_t index, const char** name,
                            const char** kind, int64_t* offset) {
  return guarded(__func__, [&](const Call& call) {
    const Head head = head_at(call, model, index);
    if (name) *name = model->texts.keep(head.name);
    if (kind) *kind = name_of(kProbabilities, head.probabilities);
    if (offset) *offset = head.offset;
  });
}

cnnx_status cnnx_model_head_shape(const cnnx_model* model, int64_t index, int64_t* shape,
                                  int64_t room, int64_t* axes) {
  return guarded(__func__, [&](const Call& call) {
    call.write_shape(head_at(call, model, index).shape, shape, room, axes);
  });
}

cnnx_status cnnx_model_set_heads(cnnx_model* model, const cnnx_head* heads, int64_t count) {
  return guarded(__func__, [&](const Call& call) {
    std::vector<Head> given;
    for (int64_t i = 0; i < call.not_negative(count, "count"); ++i) {
      const cnnx_head& head = (&call.not_null(heads, "heads"))[i];
      Head each;
      each.name = call.text(head.name, "name of a head");
      each.probabilities = call.named_value(kProbabilities, head.kind, "kind");
      if (head.axes != 1 && head.axes != 3) {
        call.refuse("axes is " + std::to_string(head.axes) +
                    ", expected 1 (numbers) or 3 (height, width, channels)");
      }
      const int64_t* const shape = &call.not_null(head.shape, "shape of a head");
      each.shape.assign(shape, shape + head.axes);
      given.push_back(std::move(each));
    }
    call.model(model).set_heads(std::move(given));
  });
}
