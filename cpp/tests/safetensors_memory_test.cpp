// Memory while reading a safetensors file stays below the size of the file + 64 MiB, whatever it
// holds. Measured by this executable's own operator new, which is why the test stands alone.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/error.h"
#include "io/safetensors.h"

namespace {

std::atomic<std::size_t> live_bytes{0};
std::atomic<std::size_t> peak_bytes{0};
constexpr std::size_t prefix_bytes = alignof(std::max_align_t);  // where a block's size is kept

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* block = std::malloc(size + prefix_bytes);
  if (block == nullptr) return nullptr;
  *static_cast<std::size_t*>(block) = size;
  peak_bytes = std::max(peak_bytes.load(), live_bytes += size + prefix_bytes);
  return static_cast<char*>(block) + prefix_bytes;
}

void* operator new(std::size_t size) {
  void* pointer = operator new(size, std::nothrow);
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

void operator delete(void* pointer) noexcept {
  if (pointer == nullptr) return;
  void* block = static_cast<char*>(pointer) - prefix_bytes;
  live_bytes -= *static_cast<std::size_t*>(block) + prefix_bytes;
  std::free(block);
}

void operator delete(void* pointer, std::size_t) noexcept { operator delete(pointer); }

namespace {

// Repeats `item`, with every "#" replaced by a number of six digits of its own, up to 16 MiB.
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

// Bytes taken at the most by reading a file with this header and no data.
std::size_t peak_of_reading(const std::string& header) {
  std::string file(8, '\0');
  for (std::size_t index = 0; index < 8; ++index) {
    file[index] = static_cast<char>(header.size() >> 8 * index & 0xFF);
  }
  file += header;
  const std::size_t before = live_bytes;
  peak_bytes = before;
  try {
    const auto read = cnnx::io::SafetensorsFile::from_bytes(file.data(), file.size(), "m.cnnx");
    std::printf("read %zu tensors, ", read.tensors().size());
  } catch (const cnnx::FormatError& error) {
    std::printf("%.80s, ", error.what());
  }
  std::printf("%.1f MiB for %.1f MiB\n", static_cast<double>(peak_bytes - before) / 1048576,
              static_cast<double>(file.size()) / 1048576);
  return std::max(peak_bytes - before, file.size()) - file.size();
}

void check_bounded(const std::string& header) {
  CHECK(peak_of_reading(header) < (std::size_t{64} << 20));
}

}  // namespace

int main() {
  const std::string name(100, 'n');
  check_bounded("{\"__metadata__\":{\"a\":\"" + std::string((16 << 20) - 40, 'x') + "\"}}");
  check_bounded(fill("{\"__metadata__\":{", "\"#\":\"\",", "}}"));
  check_bounded(fill("{\"__metadata__\":{", "\"#\":\"\",", "}}", 131000));
  check_bounded(fill("{\"__metadata__\":{", "\"" + name + "#\":\"\",", "}}", 131000));
  check_bounded(fill("{\"__metadata__\":{", "\"aaaaaaaaaaaaaaaaa#\":\"bbbbbbbbbbbbbbbbbbbbbbbbb\",",
                     "}}", 131000));
  check_bounded(fill("{\"a\":[", "0,", "]}"));
  check_bounded(fill("{\"a\":[", "[],", "]}"));
  check_bounded(fill("{\"a\":[", "[0],", "]}", 65000));
  check_bounded(fill("{\"a\":[", "{\"aaaaaaaaaaaaaaaaaaaaaaaaa\":0},", "]}", 65000));
  check_bounded(fill("{", "\"#\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", "}"));
  check_bounded(
      fill("{", "\"#\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", "}", 18700));
  check_bounded(fill("{",
                     "\"" + name +
                         "#\":{\"dtype\":\"U8\",\"shape\":[0,1,1,1,1,1,1,1],"
                         "\"data_offsets\":[0,0]},",
                     "}", 9000));
  return cnnx::test::finish("safetensors_memory_test");
}
