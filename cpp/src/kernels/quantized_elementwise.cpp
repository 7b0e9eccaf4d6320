// Differences of bytes are exact in float32, and so are their products.
#include "kernels/quantized_elementwise.h"

#include "kernels/byte_output.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

void sum(const QuantizedTerm* terms, int64_t term_count, int64_t count,
         const QuantizedEpilogue& epilogue) {
  const ByteOutput output(epilogue);
  const auto sum_from = [&](int64_t first, int64_t lanes) CNNX_INLINED {
    Vector y = {};
    for (int64_t i = 0; i < term_count; ++i) {
      const QuantizedTerm& term = terms[i];
      const Vector bytes = float_of(load_bytes(term.values + first, lanes));
      const Vector value = (bytes - broadcast(term.zero_point)) * broadcast(term.multiplier);
      y = i == 0 ? value : y + value;
    }
    output.store_at(first, y, lanes);
  };
  int64_t first = 0;
  for (; first + kLanes <= count; first += kLanes) sum_from(first, kLanes);
  if (first < count) sum_from(first, count - first);
}

void product(const QuantizedProducts& p, const QuantizedEpilogue& epilogue) {
  const ByteOutput output(epilogue);
  const Vector map_zero = broadcast(p.map_zero_point);
  const Vector factor_zero = broadcast(p.factor_zero_point), multiplier = broadcast(p.multiplier);
  for (int64_t pixel = 0; pixel < p.pixels; ++pixel) {
    const int64_t offset = pixel * p.channels;
    const Vector of_pixel =
        p.per_pixel ? broadcast(static_cast<float>(p.factors[pixel])) - factor_zero : Vector{};
    for_overlapping_vectors(p.channels, [&](int64_t channel, int64_t count) CNNX_INLINED {
      const Vector value = float_of(load_bytes(p.map + offset + channel, count)) - map_zero;
      const Vector factor =
          p.per_pixel ? of_pixel : float_of(load_bytes(p.factors + channel, count)) - factor_zero;
      output.store_at(offset + channel, value * factor * multiplier, count);
    });
  }
}

}  // namespace

const QuantizedElementwiseKernels quantized_elementwise_kernels = {sum, product};

}  // namespace CNNX_ISA
}  // namespace cnnx
