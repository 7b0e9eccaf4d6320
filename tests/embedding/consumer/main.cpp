// A C++ program outside the project: draws X/O images, predicts them with a saved model, prints the
// labels.
//
//   consumer MODEL COUNT SEED
#include <cnnx/cnnx.h>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <vector>

int main(int argument_count, char** arguments) {
  if (argument_count != 4) return 2;
  try {
    const cnnx::Model model = cnnx::Model::load(arguments[1]);
    const std::size_t count = std::strtoull(arguments[2], nullptr, 10);
    const std::uint64_t seed = std::strtoull(arguments[3], nullptr, 10);
    const auto size = static_cast<std::size_t>(model.input_shape()[0]);
    const std::size_t pixels_of_one = size * size;
    std::vector<std::uint8_t> pixels(count * pixels_of_one);
    std::vector<std::int64_t> labels(count);
    cnnx::draw_xo(count, size, seed, pixels.data(), labels.data());
    for (std::size_t i = 0; i < count; ++i) {
      const cnnx::ImageView image{pixels.data() + i * pixels_of_one, size, size, 1};
      const cnnx::Prediction prediction = model.predict(image);
      std::cout << prediction.label << ' ' << std::hexfloat << prediction.probability << '\n';
    }
    return 0;
  } catch (const cnnx::FormatError& error) {
    std::cerr << "not a model: " << error.what() << '\n';
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
  }
  return 1;
}
