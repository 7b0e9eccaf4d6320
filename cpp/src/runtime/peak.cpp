// run_fma_peak: one kernel on the calling thread.
#include "cnnx/peak.h"

#include "kernels/peak.h"
#include "runtime/dispatch.h"

namespace cnnx {

int64_t run_fma_peak(int64_t rounds) {
  volatile float sink;
  float result = 0.0f;
  const int64_t operations = CNNX_KERNELS(peak_kernels).run(rounds, &result);
  sink = result;
  static_cast<void>(sink);
  return operations;
}

}  // namespace cnnx
