// Fuzzes the reader of model files: FormatError, or a model that runs and is saved.
#include <cstddef>
#include <cstdint>

#include "cnnx/error.h"
#include "io/model_file.h"
#include "io/safetensors.h"
#include "model_round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  try {
    const auto model =
        cnnx::io::read_model(cnnx::io::SafetensorsFile::from_bytes(data, size, "m.cnnx"));
    if (!cnnx::test::runs_and_round_trips(*model)) __builtin_trap();
  } catch (const cnnx::FormatError&) {
  }
  return 0;
}
