// Memory while reading a file, as a model or as a checkpoint, stays below the size of the file + 64
// MiB, for any content. This executable replaces operator new to measure it, so the test is
// separate from the others.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/checkpoint.h"
#include "cnnx/error.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"
#include "hostile_model.h"
#include "io/safetensors.h"
#include "temporary_folder.h"

namespace {

std::atomic<std::size_t> live_bytes{0};
std::atomic<std::size_t> peak_bytes{0};

// Before a pointer: what std::free takes, and the size.
struct Header {
  void* block;
  std::size_t bytes;
};

// By std::malloc, because Windows has no std::aligned_alloc.
void* take(std::size_t size, std::size_t alignment) noexcept {
  const Header header = {std::malloc(size + alignment + sizeof(Header)),
                         size + alignment + sizeof(Header)};
  if (header.block == nullptr) return nullptr;
  void* pointer = static_cast<char*>(header.block) + sizeof(Header);
  std::size_t room = size + alignment;
  std::align(alignment, size, pointer, room);
  std::memcpy(static_cast<char*>(pointer) - sizeof(Header), &header, sizeof(Header));
  peak_bytes = std::max(peak_bytes.load(), live_bytes += header.bytes);
  return pointer;
}

void give_back(void* pointer) noexcept {
  if (pointer == nullptr) return;
  Header header;
  std::memcpy(&header, static_cast<char*>(pointer) - sizeof(Header), sizeof(Header));
  live_bytes -= header.bytes;
  std::free(header.block);
}

constexpr std::size_t usual = alignof(std::max_align_t);

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size, usual); }

void* operator new(std::size_t size) {
  void* pointer = take(size, usual);
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  void* pointer = take(size, static_cast<std::size_t>(alignment));
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

void operator delete(void* pointer) noexcept { give_back(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { give_back(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { give_back(pointer); }

namespace {

// Repeats `item`, with every "#" replaced by a different number of six digits, up to 16 MiB.
std::string fill(const std::string& begin, const std::string& item, const std::string& end,
                 std::size_t most = SIZE_MAX) {
  constexpr std::size_t limit = std::size_t{16} << 20;
  std::string text = begin;
  for (std::size_t number = 100000; number < 1000000 && most > 0; ++number, --most) {
    if (text.size() + item.size() + 16 + end.size() > limit) break;
    for (const char character : item) {
      if (character == '#') {
        text += std::to_string(number);
      } else {
        text += character;
      }
    }
  }
  text.back() = ' ';  // the last comma
  return text + end;
}

// Reads a file of so many bytes and checks the peak memory.
template <class Read>
void check_bounded(std::size_t file_bytes, const Read& read) {
  const std::size_t before = live_bytes;
  peak_bytes = before;
  try {
    read();
    std::printf("read, ");
  } catch (const cnnx::FormatError& error) {
    std::printf("%.80s, ", error.what());
  }
  const std::size_t taken = peak_bytes - before;
  std::printf("%.1f MiB for %.1f MiB\n", static_cast<double>(taken) / 1048576,
              static_cast<double>(file_bytes) / 1048576);
  CHECK(taken < file_bytes + (std::size_t{64} << 20));
}

// A file with this header and no data.
void check_header(const std::string& header) {
  std::string file(8, '\0');
  for (std::size_t index = 0; index < 8; ++index) {
    file[index] = static_cast<char>(header.size() >> 8 * index & 0xFF);
  }
  file += header;
  check_bounded(file.size(),
                [&] { cnnx::io::SafetensorsFile::from_bytes(file.data(), file.size(), "m.cnnx"); });
}

void check_model(const std::vector<std::byte>& bytes) {
  check_bounded(bytes.size(), [&] { cnnx::test::read_model(bytes); });
}

void test_headers() {
  const std::string name(100, 'n');
  check_header("{\"__metadata__\":{\"a\":\"" + std::string((16 << 20) - 40, 'x') + "\"}}");
  check_header(fill("{\"__metadata__\":{", "\"#\":\"\",", "}}"));
  check_header(fill("{\"__metadata__\":{", "\"#\":\"\",", "}}", 131000));
  check_header(fill("{\"__metadata__\":{", "\"" + name + "#\":\"\",", "}}", 131000));
  check_header(fill("{\"__metadata__\":{", "\"aaaaaaaaaaaaaaaaa#\":\"bbbbbbbbbbbbbbbbbbbbbbbbb\",",
                    "}}", 131000));
  check_header(fill("{\"a\":[", "0,", "]}"));
  check_header(fill("{\"a\":[", "[],", "]}"));
  check_header(fill("{\"a\":[", "[0],", "]}", 65000));
  check_header(fill("{\"a\":[", "{\"aaaaaaaaaaaaaaaaaaaaaaaaa\":0},", "]}", 65000));
  check_header(fill("{", "\"#\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", "}"));
  check_header(
      fill("{", "\"#\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", "}", 18700));
  check_header(fill("{",
                    "\"" + name +
                        "#\":{\"dtype\":\"U8\",\"shape\":[0,1,1,1,1,1,1,1],"
                        "\"data_offsets\":[0,0]},",
                    "}", 9000));
}

// Graphs near the limit of a header of 16 MiB.
void test_graphs() {
  using cnnx::test::graph_of;
  using cnnx::test::model_of;
  check_model(model_of(cnnx::test::long_chain(26000, 6)));
  check_model(model_of(cnnx::test::long_chain(26000, 100)));
  check_model(model_of(cnnx::test::long_chain(13000, 580)));
  const std::string name(100, 'n');
  check_model(model_of(graph_of("[" + std::string((15 << 20), ' ') + "]", "")));
  check_model(
      model_of(graph_of(std::string((15 << 20), ' ') + cnnx::test::node("a", "input"), "a")));
  check_model(model_of(graph_of(fill("{\"name\":\"a\",\"inputs\":[\"input\"],\"kind\":\"relu\",",
                                     "\"" + name + "#\":1,", "}", 100000),
                                "a")));
  check_model(model_of(graph_of(
      fill("{\"name\":\"a\",\"inputs\":[", "\"" + name + "#\",", "],\"kind\":\"add\"}", 120000),
      "a")));
  check_model(model_of(graph_of(cnnx::test::node("a", "input"), "a"), {},
                       fill("[", "\"" + name + "#\",", "]", 120000)));
  const float zero = 0;
  std::vector<cnnx::io::Tensor> settings;
  for (int number = 0; number < 18000; ++number)
    settings.push_back({"a.s" + std::to_string(number), cnnx::io::DType::f32, {}, &zero});
  check_model(model_of(graph_of(cnnx::test::node("a", "input"), "a"), settings));
}

// In a valid file, the data needs the memory.
void test_data() {
  const cnnx::test::TemporaryFolder folder("reading-memory");
  const std::string path = (folder / "m.cnnx").string();
  {
    cnnx::Layer flatten, dense;
    flatten.kind = "flatten";
    dense.kind = "dense";
    dense.settings = {{"out_features", int64_t{4096}}, {"bias", true}};
    cnnx::Model model({flatten, dense}, {64, 64, 1});
    cnnx::Trainer(model, cnnx::Adam{}, cnnx::Loss{}).save_checkpoint(path, {});
  }
  const std::size_t size = std::filesystem::file_size(path);
  CHECK(size > std::size_t{190} << 20);
  check_bounded(size, [&] { cnnx::Checkpoint::load(path); });
  check_bounded(size / 3, [&] { static_cast<void>(cnnx::Model::load(path)); });
}

// Numbers of one byte in the text and four bytes in memory are refused before they are allocated.
void test_dtypes() {
  const std::vector<std::uint8_t> values(std::size_t{48} << 20);
  const auto count = static_cast<std::int64_t>(values.size());
  const float one = 1;
  check_model(cnnx::io::safetensors_bytes(
      {{"preprocessing.mean", cnnx::io::DType::u8, {count}, values.data()},
       {"preprocessing.std", cnnx::io::DType::f32, {1}, &one}},
      {{"cnnx.format", "1"},
       {"cnnx.graph", cnnx::test::graph_of(cnnx::test::node("a", "input"), "a")},
       {"cnnx.preprocessing", R"({"resize":"stretch"})"},
       {"cnnx.classes", "[]"}},
      "m.cnnx"));
}

}  // namespace

int reading_memory_test(int, char*[]) {
  test_headers();
  test_graphs();
  test_data();
  test_dtypes();
  return cnnx::test::finish("reading_memory_test");
}
