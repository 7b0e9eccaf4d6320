// Prints, for every image, the probabilities of a model's classes, to the last bit.
//
//   predictions_cpp MODEL IMAGE...
//
// Images are PAM files (P7, 8 bits), of any size and of 1 to 4 channels.
#include <cnnx/cnnx.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

int main(int argument_count, char** arguments) {
  try {
    const cnnx::Model model = cnnx::Model::load(arguments[1]);
    for (int i = 2; i < argument_count; ++i) {
      std::ifstream file(arguments[i], std::ios::binary);
      std::map<std::string, std::int64_t> header;
      std::string word;
      file >> word;  // P7
      while (file >> word && word != "ENDHDR") file >> header[word];
      file.get();
      const std::vector<char> pixels{std::istreambuf_iterator<char>(file), {}};
      cnnx::ImageView image;
      image.pixels = pixels.data();
      image.height = header["HEIGHT"];
      image.width = header["WIDTH"];
      image.channels = header["DEPTH"];
      if (static_cast<std::int64_t>(pixels.size()) != image.height * image.width * image.channels)
        throw std::runtime_error(std::string(arguments[i]) + ": is no PAM file");
      for (const float probability : model.predict(image).probabilities)
        std::printf("%a ", static_cast<double>(probability));
      std::printf("\n");
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
