// Every prefix and every flipped bit of a small model file, and of a checkpoint a bit of every
// byte, is refused; with a sanitizer a part of them. A few flipped bits of the header are read, as
// a model that runs and is saved.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/error.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"
#include "io/checkpoint_file.h"
#include "io/model_file.h"
#include "io/safetensors.h"
#include "model_round_trip.h"
#include "temporary_folder.h"

namespace {

using cnnx::io::SafetensorsFile;

// A file takes milliseconds with a sanitizer.
constexpr std::size_t kBytesApart = cnnx::test::kIsSanitized ? 5 : 1;

struct Files {
  std::string model, checkpoint;
};

cnnx::Layer layer(const std::string& kind, const cnnx::Settings& settings = {}) {
  cnnx::Layer made;
  made.kind = kind;
  made.settings = settings;
  return made;
}

std::string content(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Files save() {
  using Sizes = std::vector<int64_t>;
  cnnx::Model model(
      {layer("conv2d", {{"out_channels", int64_t{4}},
                        {"kernel_size", Sizes{3, 2}},
                        {"stride", Sizes{2, 1}},
                        {"padding", Sizes{1, 0, 2, 1}},
                        {"dilation", Sizes{1, 1}},
                        {"groups", int64_t{1}},
                        {"bias", true}}),
       layer("leaky_relu", {{"negative_slope", 0.1f}}),
       layer("batch_norm2d", {{"momentum", 0.1f}, {"epsilon", 1e-5f}, {"affine", true}}),
       layer("max_pool2d", {{"kernel_size", Sizes{2, 2}},
                            {"stride", Sizes{2, 2}},
                            {"padding", std::string("same")}}),
       layer("flatten"), layer("dense", {{"out_features", int64_t{3}}, {"bias", true}})},
      {9, 8, 2}, {{"X", "O", "\u2603"}, {}, 0});
  const cnnx::test::TemporaryFolder folder("damaged-file");
  const std::string path = (folder / "file").string();
  Files files;
  model.save(path);
  files.model = content(path);
  cnnx::TrainerOptions options;
  options.averaging = cnnx::Averaging{};
  cnnx::Trainer(model, cnnx::Adam{}, cnnx::Loss{}, options)
      .save_checkpoint(path, {"{}", {{"rate", {}, std::vector<double>{0.5}}}});
  files.checkpoint = content(path);
  return files;
}

std::size_t end_of_header(const std::string& file) {
  CHECK(file.substr(2, 6) == std::string(6, '\0'));
  return 8 + static_cast<unsigned char>(file[0]) +
         256 * std::size_t{static_cast<unsigned char>(file[1])};
}

void read_model(const std::string& bytes) {
  const auto model =
      cnnx::io::read_model(SafetensorsFile::from_bytes(bytes.data(), bytes.size(), "m.cnnx"));
  CHECK(cnnx::test::runs_and_round_trips(*model));
}

void read_checkpoint(const std::string& bytes) {
  const cnnx::io::CheckpointReader checkpoint(
      SafetensorsFile::from_bytes(bytes.data(), bytes.size(), "run.ckpt"));
  CHECK(checkpoint.model() != nullptr);
}

// Whether the file was read. Anything except a FormatError of one line fails.
bool is_read(const std::string& bytes, void (*read)(const std::string&)) {
  try {
    read(bytes);
    return true;
  } catch (const cnnx::FormatError& error) {
    CHECK(std::strchr(error.what(), '\n') == nullptr);
  } catch (const std::exception& error) {
    CHECK_EQUAL(std::string(error.what()), "a FormatError");
  }
  return false;
}

void test_flipped_data(const std::string& file, void (*read)(const std::string&)) {
  for (std::size_t byte = end_of_header(file); byte < file.size(); byte += kBytesApart) {
    std::string damaged = file;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 1);
    CHECK(!is_read(damaged, read));
  }
}

void test_damage(const char* what, const std::string& file, void (*read)(const std::string&),
                 std::size_t bits_apart) {
  CHECK(is_read(file, read));
  for (std::size_t length = 0; length < file.size(); length += kBytesApart)
    CHECK(!is_read(file.substr(0, length), read));
  CHECK(!is_read(file + "x", read));

  const std::size_t header_end = end_of_header(file);
  std::size_t flipped = 0, still_read = 0;
  for (std::size_t bit = 0; bit < 8 * header_end; bit += bits_apart) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    still_read += is_read(damaged, read);
    ++flipped;
  }
  std::printf("%s: %zu prefixes refused; %zu flipped bits, of which %zu leave a valid file\n", what,
              (file.size() - 1) / kBytesApart + 1, flipped, still_read);
  // Flips in the key of the checksums, which make them metadata of another program; in a checkpoint
  // read as a model, in checksums of tensors that are not read.
  CHECK(still_read > 10 / bits_apart && still_read < header_end / 4);
}

}  // namespace

int damaged_file_test(int, char*[]) {
  const Files files = save();
  // Nine is prime to the eight bits of a byte.
  constexpr std::size_t every = 1, rotating = 9;
  test_damage("a model", files.model, read_model, cnnx::test::kIsSanitized ? rotating : every);
  test_damage("a checkpoint as a model", files.checkpoint, read_model, rotating);
  test_damage("a checkpoint", files.checkpoint, read_checkpoint, rotating);
  test_flipped_data(files.model, read_model);
  test_flipped_data(files.checkpoint, read_checkpoint);
  return cnnx::test::finish("damaged_file_test");
}
