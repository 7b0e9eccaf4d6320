// One call from C: its arguments, checked, with errors that name the function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "c_api/handles.h"
#include "cnnx/c_api.h"
#include "cnnx/image.h"
#include "cnnx/model.h"
#include "cnnx/shape.h"
#include "cnnx/trainer.h"

namespace cnnx::c_api {

class Call {
 public:
  explicit Call(const char* function) : function_(function) {}

  const char* function() const { return function_; }
  // Throws std::invalid_argument: "cnnx_model_load: path is a null pointer".
  [[noreturn]] void refuse(const std::string& reason) const;

  template <typename Value>
  Value& not_null(Value* pointer, const char* argument) const {
    if (!pointer) refuse(std::string(argument) + " is a null pointer");
    return *pointer;
  }
  const char* path(const char* pointer) const { return &not_null(pointer, "path"); }
  // Refuses text that is not UTF-8.
  std::string_view text(const char* pointer, const char* argument) const;
  const Model& model(const cnnx_model* handle) const { return not_null(handle, "model").model; }
  Model& model(cnnx_model* handle) const { return not_null(handle, "model").model; }
  const Trainer& trainer(const cnnx_trainer* handle) const {
    return *not_null(handle, "trainer").trainer;
  }
  Trainer& trainer(cnnx_trainer* handle) const { return *not_null(handle, "trainer").trainer; }

  // An index into a list of `count`, which on a 32-bit system may exceed every size.
  std::size_t index(int64_t index, uint64_t count) const;
  int64_t not_negative(int64_t value, const char* argument) const;
  bool flag(int32_t value, const char* argument) const;  // 0 or 1
  // An array of capacity `room`, of which `count` elements will be written.
  template <typename Value>
  Value* array(Value* pointer, const char* argument, int64_t room, int64_t count) const {
    check_room(argument, room, count);
    return count > 0 ? &not_null(pointer, argument) : pointer;
  }

  // One of `images` times `each` elements.
  float* batch_array(float* pointer, const char* argument, int64_t room, int64_t images,
                     int64_t each) const;

  // `shape` and `axes` as in cnnx_model_output_shape.
  void write_shape(const Shape& from, int64_t* shape, int64_t room, int64_t* axes) const;

  PixelType pixel_type(cnnx_pixel_type type) const;
  ImageView image(const cnnx_image* image) const;
  ImageBatch images(const void* pixels, cnnx_pixel_type type, int64_t count) const;

 private:
  void check_room(const char* argument, int64_t room, int64_t count) const;

  const char* function_;
};

}  // namespace cnnx::c_api
