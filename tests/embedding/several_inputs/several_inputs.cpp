// Prints the outputs of a model with several inputs, an image per line, to the last bit.
//
//   several_inputs MODEL FOLDER
//
// FOLDER has a file for each input, of its name, with the float32 arrays of the images one after
// the other.
#include <cnnx/cnnx.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

int main(int, char** arguments) {
  try {
    const cnnx::Model model = cnnx::Model::load(arguments[1]);
    const std::int64_t numbers = cnnx::element_count(model.input_shape());
    std::vector<float> images;
    for (const cnnx::InputInfo& input : model.inputs()) {
      const auto size = static_cast<std::size_t>(cnnx::element_count(input.shape));
      std::ifstream file(std::string(arguments[2]) + "/" + input.name, std::ios::binary);
      std::vector<float> own(size);
      for (std::size_t begin = static_cast<std::size_t>(input.offset);
           file.read(reinterpret_cast<char*>(own.data()),
                     static_cast<std::streamsize>(size * sizeof(float)));
           begin += static_cast<std::size_t>(numbers)) {
        if (images.size() < begin + size) images.resize(begin + size);
        for (std::size_t i = 0; i < size; ++i) images[begin + i] = own[i];
      }
    }
    const auto count = static_cast<std::int64_t>(images.size()) / numbers;
    const std::vector<float> outputs = model.run({images.data(), count});
    const std::int64_t size = cnnx::element_count(model.output_shape());
    for (std::int64_t i = 0; i < count * size; ++i)
      std::printf("%a%c", static_cast<double>(outputs[static_cast<std::size_t>(i)]),
                  (i + 1) % size == 0 ? '\n' : ' ');
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
