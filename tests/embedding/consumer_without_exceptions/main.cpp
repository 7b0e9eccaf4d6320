// A C++ program without exceptions: it predicts X/O images through the C interface, whose functions
// return a status, and prints the labels. What cannot fail it calls in C++.
//
//   consumer_without_exceptions MODEL COUNT SEED
#include <cnnx/c_api.h>
#include <cnnx/cnnx.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

bool is_ok(cnnx_status status) {
  if (status == CNNX_OK) return true;
  if (status == CNNX_FORMAT_ERROR) std::fputs("not a model: ", stderr);
  std::fprintf(stderr, "%s\n", cnnx_error_message());
  return false;
}

bool predict(const cnnx_model* model, const cnnx_image& image) {
  int64_t index = -1;
  float probabilities[2];
  const char* label = nullptr;
  if (!is_ok(cnnx_model_predict(model, &image, &index, probabilities, 2)) ||
      !is_ok(cnnx_model_class_name(model, index, &label))) {
    return false;
  }
  std::printf("%s %a\n", label, static_cast<double>(probabilities[index]));
  return true;
}

bool predict_all(const cnnx_model* model, std::size_t count, std::uint64_t seed) {
  constexpr std::size_t size = 32;
  std::vector<std::uint8_t> pixels(count * size * size);
  std::vector<std::int64_t> labels(count);
  if (!is_ok(cnnx_draw_xo(static_cast<std::int64_t>(count), size, seed, pixels.data(),
                          labels.data()))) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const cnnx::ImageView view{pixels.data() + i * size * size, size, size, 1};
    cnnx_image image{};
    image.pixels = view.pixels;
    image.height = view.height;
    image.width = view.width;
    image.channels = view.channels;
    if (!predict(model, image)) return false;
  }
  return true;
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 4 || std::strcmp(cnnx::version(), CNNX_VERSION) != 0) return 2;
  cnnx_model* model = nullptr;
  if (!is_ok(cnnx_model_load(arguments[1], &model))) return 1;
  const bool done = predict_all(model, std::strtoull(arguments[2], nullptr, 10),
                                std::strtoull(arguments[3], nullptr, 10));
  cnnx_model_destroy(model);
  return done ? 0 : 1;
}
