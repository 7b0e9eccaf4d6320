// Normalises pixels: one formula, and a table of its 256 values for bytes.
#include "data/pixels.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace data {
namespace {

class Normaliser {
 public:
  Normaliser(const Preprocessing& preprocessing, int64_t channels, bool divide_by_255,
             PixelType type)
      : preprocessing_(preprocessing),
        divide_(divide_by_255),
        copies_(!divide_by_255 && is_identity(preprocessing)),
        // With one mean and one std every value is treated alike, as a pixel of its own.
        kinds_(preprocessing.mean.size() == 1 && preprocessing.std.size() == 1 ? 1 : channels) {
    if (type == PixelType::uint8 && kinds_ <= kMostTables) {
      // In parallel_for, like the pixels themselves: the caller's floating-point mode must not
      // affect the table.
      runtime::parallel_for(1, 1, 1, [&](int64_t, int64_t, int) {
        for (int64_t kind = 0; kind < kinds_; ++kind) {
          for (int level = 0; level < 256; ++level) {
            table_[kind][level] = value(static_cast<float>(level), mean(kind), deviation(kind));
          }
        }
      });
    }
  }

  void run(const uint8_t* source, int64_t values, float* out) const {
    if (kinds_ == 1) {
      for (int64_t i = 0; i < values; ++i) out[i] = table_[0][source[i]];
    } else if (kinds_ <= kMostTables) {
      for (int64_t i = 0; i < values; i += kinds_) {
        for (int64_t kind = 0; kind < kinds_; ++kind)
          out[i + kind] = table_[kind][source[i + kind]];
      }
    } else {
      compute(source, values, out);
    }
  }

  void run(const float* source, int64_t values, float* out) const {
    if (copies_) {
      std::copy_n(source, values, out);
    } else {
      compute(source, values, out);
    }
  }

 private:
  static constexpr int64_t kMostTables = 4;

  float mean(int64_t kind) const {
    return preprocessing_.mean[preprocessing_.mean.size() == 1 ? 0 : static_cast<size_t>(kind)];
  }
  float deviation(int64_t kind) const {
    return preprocessing_.std[preprocessing_.std.size() == 1 ? 0 : static_cast<size_t>(kind)];
  }
  float value(float pixel, float mean, float deviation) const {
    return ((divide_ ? pixel / 255.0f : pixel) - mean) / deviation;
  }

  template <class Pixel>
  void compute(const Pixel* source, int64_t values, float* out) const {
    for (int64_t kind = 0; kind < kinds_; ++kind) {
      const float center = mean(kind), width = deviation(kind);
      for (int64_t i = kind; i < values; i += kinds_)
        out[i] = value(static_cast<float>(source[i]), center, width);
    }
  }

  const Preprocessing& preprocessing_;
  bool divide_;
  bool copies_;
  int64_t kinds_;
  float table_[kMostTables][256];
};

template <class Pixel>
void normalise(const Pixel* source, int64_t pixels, int64_t channels,
               const Preprocessing& preprocessing, bool divide_by_255, PixelType type, float* out) {
  const Normaliser normaliser(preprocessing, channels, divide_by_255, type);
  runtime::parallel_for(get_num_threads(), pixels, runtime::kGrainElements / channels + 1,
                        [&](int64_t begin, int64_t end, int) {
                          normaliser.run(source + begin * channels, (end - begin) * channels,
                                         out + begin * channels);
                        });
}

std::string to_text(float value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

void check_count(const char* name, size_t count, int64_t channels) {
  if (count == 1 || static_cast<int64_t>(count) == channels) return;
  throw std::invalid_argument(
      std::string("preprocessing: ") + name + " has " + std::to_string(count) +
      " values, expected 1" +
      (channels == 1 ? "" : " or " + std::to_string(channels) + " (one per channel)"));
}

}  // namespace

void normalise_pixels(const uint8_t* source, int64_t pixels, int64_t channels,
                      const Preprocessing& preprocessing, bool divide_by_255, float* out) {
  normalise(source, pixels, channels, preprocessing, divide_by_255, PixelType::uint8, out);
}

void normalise_pixels(const float* source, int64_t pixels, int64_t channels,
                      const Preprocessing& preprocessing, bool divide_by_255, float* out) {
  normalise(source, pixels, channels, preprocessing, divide_by_255, PixelType::float32, out);
}

void gather_images(const ImageBatch& images, const int64_t* rows, int64_t count, const Shape& shape,
                   const Preprocessing& preprocessing, int threads, float* out) {
  const int64_t size = element_count(shape);
  const Normaliser normaliser(preprocessing, shape[2], divides_by_255(images), images.type);
  runtime::parallel_for(
      threads, count, runtime::kGrainElements / size + 1, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t offset = rows[i] * size;
          if (images.type == PixelType::uint8) {
            normaliser.run(static_cast<const uint8_t*>(images.pixels) + offset, size,
                           out + i * size);
          } else {
            normaliser.run(static_cast<const float*>(images.pixels) + offset, size, out + i * size);
          }
        }
      });
}

}  // namespace data

void validate(const Preprocessing& preprocessing, int64_t channels) {
  if (preprocessing.resize != Resize::stretch && preprocessing.resize != Resize::fit &&
      preprocessing.resize != Resize::crop) {
    throw std::invalid_argument("preprocessing: resize is none of stretch, fit and crop");
  }
  data::check_count("mean", preprocessing.mean.size(), channels);
  data::check_count("std", preprocessing.std.size(), channels);
  for (const float mean : preprocessing.mean) {
    if (!std::isfinite(mean)) {
      throw std::invalid_argument("preprocessing: mean is " + data::to_text(mean) +
                                  ", expected a finite number");
    }
  }
  for (const float deviation : preprocessing.std) {
    if (!std::isfinite(deviation) || deviation <= 0) {
      throw std::invalid_argument("preprocessing: std is " + data::to_text(deviation) +
                                  ", expected a finite number above 0");
    }
  }
}

bool is_identity(const Preprocessing& preprocessing) {
  // A mean of -0 would turn -0 into +0.
  return std::all_of(preprocessing.mean.begin(), preprocessing.mean.end(),
                     [](float mean) { return mean == 0 && !std::signbit(mean); }) &&
         std::all_of(preprocessing.std.begin(), preprocessing.std.end(),
                     [](float std) { return std == 1; });
}

}  // namespace cnnx
