// Checks the arguments of a C call and describes errors in a sentence.
#include "c_api/call.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "runtime/utf8.h"

namespace cnnx::c_api {

std::string listed(const std::vector<std::string>& words, const std::string& last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 < words.size() ? ", " : last;
    text += words[i];
  }
  return text;
}

void Call::refuse(const std::string& reason) const {
  throw std::invalid_argument(std::string(function_) + ": " + reason);
}

void Call::refuse_name(const char* argument, std::string_view name,
                       const std::vector<std::string>& expected) const {
  refuse(std::string(argument) + " is \"" + std::string(name) + "\", expected " + listed(expected));
}

std::string_view Call::text(const char* pointer, const char* argument) const {
  const std::string_view text = &not_null(pointer, argument);
  const std::size_t valid = runtime::valid_utf8_prefix(text);
  if (valid < text.size())
    refuse(std::string(argument) + " is not UTF-8 from byte " + std::to_string(valid) + " on");
  return text;
}

std::size_t Call::index(int64_t index, uint64_t count) const {
  if (index < 0 || static_cast<uint64_t>(index) >= count) {
    refuse("index is " + std::to_string(index) + ", expected 0 or more and less than " +
           std::to_string(count));
  }
  return static_cast<std::size_t>(index);
}

int64_t Call::not_negative(int64_t value, const char* argument) const {
  if (value < 0)
    refuse(std::string(argument) + " is " + std::to_string(value) + ", expected 0 or more");
  return value;
}

bool Call::flag(int32_t value, const char* argument) const {
  if (value != 0 && value != 1)
    refuse(std::string(argument) + " is " + std::to_string(value) + ", expected 0 or 1");
  return value == 1;
}

float* Call::batch_array(float* pointer, const char* argument, int64_t room, int64_t images,
                         int64_t each) const {
  if (images > std::numeric_limits<int64_t>::max() / each)
    refuse("count is " + std::to_string(images) + ", expected fewer images");
  return array(pointer, argument, room, images * each);
}

void Call::check_room(const char* argument, int64_t room, int64_t count) const {
  if (room >= count) return;
  refuse(std::string(argument) + " has room for " + std::to_string(room) + ", expected room for " +
         std::to_string(count));
}

void Call::write_shape(const Shape& from, int64_t* shape, int64_t room, int64_t* axes) const {
  const auto count = static_cast<int64_t>(from.size());
  int64_t& written = not_null(axes, "axes");
  if (room != 0) std::copy(from.begin(), from.end(), array(shape, "shape", room, count));
  written = count;
}

PixelType Call::pixel_type(cnnx_pixel_type type, cnnx_pixel_type allowed) const {
  const cnnx_pixel_type element = type & ~allowed;
  if (element == CNNX_UINT8) return PixelType::uint8;
  if (element == CNNX_FLOAT32) return PixelType::float32;
  refuse("type is " + std::to_string(type) + ", expected CNNX_UINT8 or CNNX_FLOAT32");
}

ImageView Call::image(const cnnx_image* image) const {
  const cnnx_image& given = not_null(image, "image");
  ImageView view;
  view.pixels = given.pixels;
  view.height = given.height;
  view.width = given.width;
  view.channels = given.channels;
  view.type = pixel_type(given.type, CNNX_BGR);
  if (given.type & CNNX_BGR) view.order = ChannelOrder::bgr;
  view.row_stride = given.row_stride;
  return view;
}

ImageBatch Call::images(const void* pixels, cnnx_pixel_type type, int64_t count) const {
  ImageBatch images;
  images.type = pixel_type(type, 0);
  images.count = not_negative(count, "count");
  images.pixels = count > 0 ? &not_null(static_cast<const char*>(pixels), "pixels") : nullptr;
  return images;
}

}  // namespace cnnx::c_api
