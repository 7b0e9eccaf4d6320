// Fuzzes the JSON reader: FormatError, or a value whose text is read as the same value.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cnnx/error.h"
#include "io/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using cnnx::io::Json;
  try {
    const Json json = Json::parse({reinterpret_cast<const char*>(data), size}, "text");
    const std::string text = json.dump();
    if (Json::parse(text, "again").dump() != text) __builtin_trap();
  } catch (const cnnx::FormatError&) {
  }
  return 0;
}
