// The signatures of the kinds of files that lie beside models.
#include "io/file_kind.h"

#include <algorithm>

namespace cnnx::io {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::size_t offset;
  std::string_view bytes, kind;
};

// The first one that matches counts.
constexpr Signature kSignatures[] = {
    {0, "\xFF\xD8\xFF"sv, "a JPEG image"sv},
    {0, "\x89PNG"sv, "a PNG image"sv},
    {0, "GIF8"sv, "a GIF image"sv},
    {0, "II*\0"sv, "a TIFF image"sv},
    {0, "MM\0*"sv, "a TIFF image"sv},
    {8, "WEBP"sv, "a WebP image"sv},
    {0, "\x89HDF"sv, "an HDF5 file, as Keras writes it"sv},
    {0, "\x93NUMPY"sv, "a NumPy array (.npy)"sv},
    // Before version 1.6, or with a setting; a number of PyTorch's own in a pickle.
    {0, "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19"sv, "a PyTorch file"sv},
    {0, "\x1F\x8B"sv, "gzip-compressed"sv},
    {0, "%PDF"sv, "a PDF file"sv},
    {0, "GGUF"sv, "a GGUF file"sv},
    {4, "TFL3"sv, "a TensorFlow Lite model"sv},
    {0, "version https://git-lfs"sv, "a pointer of Git LFS, which `git lfs pull` replaces"sv},
    {0, "<!DOCTYPE"sv, "an HTML page"sv},
    {0, "<html"sv, "an HTML page"sv},
};

bool matches(std::string_view beginning, std::size_t offset, std::string_view bytes) {
  return beginning.size() >= offset && beginning.substr(offset, bytes.size()) == bytes;
}

// By the name of its first entry.
std::string kind_of_zip(std::string_view beginning) {
  constexpr std::size_t kNameLength = 26, kName = 30;
  if (beginning.size() < kName) return "a zip archive";
  const std::size_t length =
      static_cast<unsigned char>(beginning[kNameLength]) +
      256 * std::size_t{static_cast<unsigned char>(beginning[kNameLength + 1])};
  const std::string_view name = beginning.substr(kName, length);
  const auto ends_with = [&](std::string_view ending) {
    return name.size() >= ending.size() && name.substr(name.size() - ending.size()) == ending;
  };
  if (ends_with(".npy")) return "an archive of NumPy arrays (.npz)";
  if (ends_with("/data.pkl")) return "a PyTorch file";
  if (name == "metadata.json" || name == "config.json") return "a Keras model";
  return "a zip archive";
}

// A pickle of protocol 2 to 5.
bool is_pickle(std::string_view beginning) {
  return matches(beginning, 0, "\x80") && beginning.size() > 1 && beginning[1] >= 2 &&
         beginning[1] <= 5;
}

// The version of the format, a small number in field 1, and then the producer or the graph.
bool is_onnx(std::string_view beginning) {
  return matches(beginning, 0, "\x08") && beginning.size() > 2 && beginning[1] > 0 &&
         beginning[1] < 32 && (beginning[2] == '\x12' || beginning[2] == '\x3A');
}

bool is_text(std::string_view beginning) {
  const std::string_view first = beginning.substr(0, 8);
  return std::all_of(first.begin(), first.end(), [](char character) {
    return (character >= 0x20 && character < 0x7F) || character == '\n' || character == '\r' ||
           character == '\t';
  });
}

}  // namespace

std::string kind_of_file(std::string_view beginning) {
  for (const Signature& signature : kSignatures) {
    if (matches(beginning, signature.offset, signature.bytes)) return std::string(signature.kind);
  }
  if (matches(beginning, 0, "PK\x03\x04")) return kind_of_zip(beginning);
  if (is_pickle(beginning)) return "a Python pickle, which can run code and is never read";
  if (is_onnx(beginning)) return "an ONNX model";
  return is_text(beginning) ? "a text file" : "";
}

}  // namespace cnnx::io
