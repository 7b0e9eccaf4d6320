// One call from C: its arguments, checked, with errors that name the function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "c_api/handles.h"
#include "cnnx/c_api.h"
#include "cnnx/image.h"
#include "cnnx/model.h"
#include "cnnx/shape.h"
#include "cnnx/trainer.h"
#include "cnnx/training_settings.h"

namespace cnnx::c_api {

// "a, b or c", with another last separator if there is one.
std::string listed(const std::vector<std::string>& words, const std::string& last = " or ");

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
  // The value of this name.
  template <class Value, std::size_t count>
  Value named_value(const NamedValue<Value> (&values)[count], const char* name,
                    const char* argument) const {
    const std::string_view wanted = text(name, argument);
    Value value;
    if (find_value(values, wanted, value)) return value;
    refuse_name(argument, wanted, names(values));
  }
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

  // Of a type that may also have the bits of `allowed`.
  PixelType pixel_type(cnnx_pixel_type type, cnnx_pixel_type allowed) const;
  ImageView image(const cnnx_image* image) const;
  ImageBatch images(const void* pixels, cnnx_pixel_type type, int64_t count) const;

 private:
  [[noreturn]] void refuse_name(const char* argument, std::string_view name,
                                const std::vector<std::string>& expected) const;
  void check_room(const char* argument, int64_t room, int64_t count) const;

  const char* function_;
};

}  // namespace cnnx::c_api
