// Prints, for every image and each of a model's outputs, its name and probabilities or values, to
// the last bit.
//
//   several_outputs MODEL PIXELS
//
// PIXELS holds images of the model's size, 8 bits, one after the other.
#include <cnnx/cnnx.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <vector>

int main(int, char** arguments) {
  try {
    const cnnx::Model model = cnnx::Model::load(arguments[1]);
    std::ifstream file(arguments[2], std::ios::binary);
    const std::vector<char> pixels{std::istreambuf_iterator<char>(file), {}};
    cnnx::ImageBatch images;
    images.pixels = pixels.data();
    images.type = cnnx::PixelType::uint8;
    images.count =
        static_cast<std::int64_t>(pixels.size()) / cnnx::element_count(model.input_shape());
    const std::vector<float> outputs = model.probabilities(images);
    const std::int64_t size = cnnx::element_count(model.output_shape());
    for (std::int64_t i = 0; i < images.count; ++i) {
      for (const cnnx::Head& head : model.heads()) {
        std::printf("%s", head.name.c_str());
        for (std::int64_t k = 0; k < cnnx::element_count(head.shape); ++k)
          std::printf(" %a", static_cast<double>(outputs.data()[i * size + head.offset + k]));
        std::printf("\n");
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
