// Classifies images with a saved model and prints file, label and probability, separated by tabs.
//
//   classify MODEL IMAGE...
//
// Images are PGM or PPM files (P5 or P6, 8 bits) of any size, resized as the model file specifies.
// cnnx decodes no image formats; use another library for other formats.
#include <cnnx/cnnx.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
};

// Reads one number of the header, after spaces and comments.
int read_number(std::ifstream& file) {
  while ((file >> std::ws).peek() == '#')
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  int number = 0;
  file >> number;
  return number;
}

Image read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  std::string kind(2, ' ');
  file.read(kind.data(), 2);
  Image image;
  image.channels = kind == "P5" ? 1 : kind == "P6" ? 3 : 0;
  image.width = read_number(file);
  image.height = read_number(file);
  const int largest = read_number(file);
  constexpr int kMostSide = 16384;  // keeps the product below within an int
  if (!file || image.channels == 0 || largest != 255 || image.width < 1 || image.height < 1 ||
      image.width > kMostSide || image.height > kMostSide)
    throw std::runtime_error(path + ": is not a PGM or PPM file of 8 bits");
  file.get();  // the one character between the header and the pixels
  image.pixels.resize(static_cast<std::size_t>(image.height * image.width * image.channels));
  if (!file.read(reinterpret_cast<char*>(image.pixels.data()),
                 static_cast<std::streamsize>(image.pixels.size())))
    throw std::runtime_error(path + ": ends too early");
  return image;
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 3) {
    std::fprintf(stderr, "usage: classify MODEL IMAGE...\n");
    return 2;
  }
  try {
    const cnnx::Model model = cnnx::Model::load(arguments[1]);
    for (int i = 2; i < argument_count; ++i) {
      const Image image = read_image(arguments[i]);
      const cnnx::Prediction result = model.predict(
          cnnx::ImageView{image.pixels.data(), image.height, image.width, image.channels});
      std::printf("%s\t%s\t%.4f\n", arguments[i], result.label.c_str(), result.probability);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "classify: %s\n", error.what());
    return 1;
  }
  return 0;
}
