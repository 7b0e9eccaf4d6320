// Poolings of images in bytes, one window after the other. Maxima take as many channels at once as
// fit a vector of bytes; those of few channels reduce rows first.
#include "kernels/quantized_pool2d.h"

#include <string.h>

#include "kernels/byte_output.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <int size>
struct Bytes {
  typedef uint8_t Type __attribute__((vector_size(size)));
  typedef uint8_t Unaligned __attribute__((vector_size(size), aligned(1), may_alias));
};
template <>
struct Bytes<1> {
  typedef uint8_t Type;
  typedef uint8_t Unaligned;
};

// Calls body(first pixel, rows, columns, number of the output) for every window.
template <class Body>
CNNX_INLINE void for_each_window(const QuantizedPool& p, int64_t begin, int64_t end,
                                 const Body& body) {
  for (int64_t i = begin; i < end; ++i) {
    const uint8_t* const row = p.image + p.rows[i].first * p.row_bytes;
    for (int64_t j = 0; j < p.out_width; ++j) {
      body(row + p.columns[j].first * p.channels, p.rows[i], p.columns[j], i * p.out_width + j);
    }
  }
}

template <int size>
void maximum_of(const QuantizedPool& p, int64_t begin, int64_t end, uint8_t* output) {
  using Vector = typename Bytes<size>::Type;
  using Unaligned = typename Bytes<size>::Unaligned;
  const int64_t row_step = p.row_dilation * p.row_bytes;
  const int64_t column_step = p.column_dilation * p.channels;
  for_each_window(p, begin, end,
                  [&](const uint8_t* window, PoolTaps rows, PoolTaps columns, int64_t number)
                      CNNX_INLINED {
                        uint8_t* const target = output + number * p.channels;
                        for (int64_t channel = 0;; channel += size) {
                          // The last vector may overlap the one before it.
                          if (channel + size > p.channels) channel = p.channels - size;
                          const uint8_t* row = window + channel;
                          Vector most = *reinterpret_cast<const Unaligned*>(row);
                          for (int64_t u = 0; u < rows.count; ++u, row += row_step) {
                            const uint8_t* pixel = row;
                            for (int64_t v = 0; v < columns.count; ++v, pixel += column_step) {
                              const Vector value = *reinterpret_cast<const Unaligned*>(pixel);
                              most = value > most ? value : most;
                            }
                          }
                          *reinterpret_cast<Unaligned*>(target + channel) = most;
                          if (channel + size >= p.channels) return;
                        }
                      });
}

// The greatest of each byte of some rows. The last vector may overlap the one before it.
template <int size>
CNNX_INLINE void maximum_of_rows(const uint8_t* first, int64_t rows, int64_t row_step,
                                 int64_t bytes, uint8_t* target) {
  using Vector = typename Bytes<size>::Type;
  using Unaligned = typename Bytes<size>::Unaligned;
  for (int64_t at = 0;; at += size) {
    if (at + size > bytes) at = bytes - size;
    Vector most = *reinterpret_cast<const Unaligned*>(first + at);
    for (int64_t u = 1; u < rows; ++u) {
      const Vector value = *reinterpret_cast<const Unaligned*>(first + u * row_step + at);
      most = value > most ? value : most;
    }
    *reinterpret_cast<Unaligned*>(target + at) = most;
    if (at + size >= bytes) return;
  }
}

constexpr int kFewChannels = 16;  // a pixel with fewer does not fill a vector
constexpr int64_t kMostRowBytes = 16384;

// The rows of windows are reduced to one, in whole vectors. Then each of its pixels is in a vector
// with some channels of the next one.
template <int size>
void maximum_of_few(const QuantizedPool& p, int64_t begin, int64_t end, uint8_t* output) {
  using Vector = typename Bytes<size>::Type;
  using Unaligned = typename Bytes<size>::Unaligned;
  uint8_t row[kMostRowBytes + size], result[kMostRowBytes + size];
  memset(row + p.row_bytes, 0, size);  // read with the last pixel, and not used
  const int64_t column_step = p.column_dilation * p.channels, out_bytes = p.out_width * p.channels;
  for (int64_t i = begin; i < end; ++i) {
    maximum_of_rows<kFewChannels>(p.image + p.rows[i].first * p.row_bytes, p.rows[i].count,
                                  p.row_dilation * p.row_bytes, p.row_bytes, row);
    for (int64_t j = 0; j < p.out_width; ++j) {
      const uint8_t* pixel = row + p.columns[j].first * p.channels;
      Vector most = *reinterpret_cast<const Unaligned*>(pixel);
      for (int64_t v = 1; v < p.columns[j].count; ++v) {
        pixel += column_step;
        const Vector value = *reinterpret_cast<const Unaligned*>(pixel);
        most = value > most ? value : most;
      }
      *reinterpret_cast<Unaligned*>(result + j * p.channels) = most;
    }
    memcpy(output + i * out_bytes, result, static_cast<size_t>(out_bytes));
  }
}

void maximum(const QuantizedPool& p, int64_t begin, int64_t end, uint8_t* output) {
  constexpr int kWide = kLanes * 4;
  const int64_t out_bytes = p.out_width * p.channels;
  const bool rows_fit = p.row_bytes >= kFewChannels && p.row_bytes <= kMostRowBytes;
  if (p.channels >= kWide) {
    maximum_of<kWide>(p, begin, end, output);
  } else if (p.channels >= kFewChannels) {
    maximum_of<kFewChannels>(p, begin, end, output);
  } else if (!rows_fit || out_bytes > kMostRowBytes) {
    maximum_of<1>(p, begin, end, output);
  } else if (p.channels > kFewChannels / 2) {
    maximum_of_few<kFewChannels>(p, begin, end, output);
  } else {
    maximum_of_few<kFewChannels / 2>(p, begin, end, output);
  }
}

// Sums of a window's pixels in `vectors` vectors of channels, or in some channels of one.
template <int vectors>
void mean_of(const QuantizedPool& p, int64_t begin, int64_t end, const QuantizedMean& mean) {
  const ByteOutput output(mean.epilogue);
  const int64_t row_step = p.row_dilation * p.row_bytes;
  const int64_t column_step = p.column_dilation * p.channels;
  for_each_window(
      p, begin, end,
      [&](const uint8_t* window, PoolTaps rows, PoolTaps columns, int64_t number) CNNX_INLINED {
        const int32_t zeros = mean.zero_point * static_cast<int32_t>(rows.count * columns.count);
        const double divisor = static_cast<double>(rows.divisor * columns.divisor);
        const Vector multiplier = broadcast(static_cast<float>(mean.unit / divisor));
        for_overlapping_vectors<vectors>(
            p.channels, [&](int64_t channel, int64_t count) CNNX_INLINED {
              IntVector sums[vectors];
              CNNX_UNROLL for (int k = 0; k < vectors; ++k) sums[k] = IntVector{} - zeros;
              for (int64_t u = 0; u < rows.count; ++u) {
                const uint8_t* pixel = window + u * row_step + channel;
                for (int64_t v = 0; v < columns.count; ++v, pixel += column_step) {
                  CNNX_UNROLL for (int k = 0; k < vectors; ++k) {
                    sums[k] += integers_of(load_bytes(pixel + k * kLanes, count - k * kLanes));
                  }
                }
              }
              CNNX_UNROLL for (int k = 0; k < vectors; ++k) {
                output.store_at(number * p.channels + channel + k * kLanes,
                                __builtin_convertvector(sums[k], Vector) * multiplier,
                                count - k * kLanes);
              }
            });
      });
}

void mean(const QuantizedPool& p, int64_t begin, int64_t end, const QuantizedMean& how) {
  constexpr int kMostVectors = 4;
  if (p.channels >= kMostVectors * kLanes) {
    mean_of<kMostVectors>(p, begin, end, how);
  } else {
    mean_of<1>(p, begin, end, how);
  }
}

}  // namespace

const QuantizedPoolKernels quantized_pool_kernels = {maximum, mean};

}  // namespace CNNX_ISA
}  // namespace cnnx
