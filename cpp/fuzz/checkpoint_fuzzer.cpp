// Fuzzes the reader of checkpoints: FormatError, or slots and metadata of the declared sizes.
#include <cstddef>
#include <cstdint>
#include <variant>

#include "cnnx/error.h"
#include "io/checkpoint_file.h"
#include "io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  try {
    const cnnx::io::CheckpointReader checkpoint(
        cnnx::io::SafetensorsFile::from_bytes(data, size, "run.ckpt"));
    for (const cnnx::MetadataArray& array : checkpoint.metadata().arrays) {
      const std::size_t count =
          std::visit([](const auto& values) { return values.size(); }, array.values);
      if (static_cast<int64_t>(count) != cnnx::element_count(array.shape)) __builtin_trap();
    }
  } catch (const cnnx::FormatError&) {
  }
  return 0;
}
