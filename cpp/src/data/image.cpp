// Resizes images: the filter's weights, one pass over rows and one over columns.
#include "data/image.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "cnnx/runtime.h"
#include "data/placement.h"
#include "runtime/check_settings.h"
#include "runtime/floating_point.h"
#include "runtime/parallel.h"
#include "runtime/sizes.h"

namespace cnnx {
namespace data {
namespace {

// The most floats of rows that are filtered horizontally and buffered (64 MB).
constexpr int64_t kMostBufferedFloats = int64_t{1} << 24;

// The least number of multiply-adds for another thread.
constexpr int64_t kGrainOfRows = 32 * 1024;

void check_size(const char* what, int64_t value) {
  if (value < 1 || value > kMostSide) {
    throw std::invalid_argument(std::string("resize_image: ") + what + " is " +
                                std::to_string(value) + ", expected 1 to " +
                                std::to_string(kMostSide));
  }
}

void check(const ImageView& image, int64_t height, int64_t width, int64_t channels,
           PixelType output) {
  check_size("the image's height", image.height);
  check_size("the image's width", image.width);
  check_size("height", height);
  check_size("width", width);
  if (image.channels < 1 || image.channels > 4) {
    throw std::invalid_argument(
        "resize_image: the image has " + std::to_string(image.channels) +
        " channels, expected 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGB and alpha)");
  }
  if (channels != 1 && channels != 3) {
    throw std::invalid_argument("resize_image: channels is " + std::to_string(channels) +
                                ", expected 1 (grey) or 3 (RGB)");
  }
  if (image.type != output) {
    throw std::invalid_argument(
        output == PixelType::uint8
            ? "resize_image: the image is float32, expected uint8 for a uint8 output"
            : "resize_image: the image is uint8, expected float32 for a float32 output");
  }
  if (!image.pixels)
    throw std::invalid_argument("resize_image: the image's pixels are a null pointer");
  const int64_t element = image.type == PixelType::uint8 ? 1 : static_cast<int64_t>(sizeof(float));
  const int64_t tight = image.width * image.channels * element;
  if (image.row_stride != 0 && (image.row_stride < tight || image.row_stride % element != 0)) {
    throw std::invalid_argument("resize_image: row_stride is " + std::to_string(image.row_stride) +
                                ", expected 0 or a multiple of " + std::to_string(element) +
                                " from " + std::to_string(tight));
  }
}

// The source pixels of a target pixel of one axis, and where their weights are.
struct Window {
  int64_t first, count, weights;
};

// For each target pixel of one axis its window.
struct Filter {
  const Window* windows;
  int64_t count;
  const float* weights;
};

// Half the width of the triangle, in source pixels.
double support_of(const Span& span) { return std::max(scale_of(span), 1.0); }

// The first and the end of the pixels whose centre lies within the support of target pixel i. At
// its very edge the weight may be 0.
std::pair<int64_t, int64_t> reach_of(const Span& span, int64_t size, int64_t i) {
  const double center = center_of(span, i), support = support_of(span);
  return {std::max<int64_t>(0, static_cast<int64_t>(std::floor(center - support + 0.5))),
          std::min<int64_t>(size, static_cast<int64_t>(std::floor(center + support + 0.5)))};
}

int64_t most_taps(const Span& span) { return static_cast<int64_t>(2 * support_of(span)) + 2; }

// Writes span.count windows, and the weights of at most most_taps(span) pixels each. Pixels of
// weight 0 are omitted.
Filter triangle_filter(const Span& span, int64_t size, Window* windows, float* weights) {
  const double support = support_of(span);
  int64_t written = 0;
  for (int64_t i = 0; i < span.count; ++i) {
    const double center = center_of(span, i);
    const auto weight_of = [&](int64_t x) {
      return 1.0 - std::fabs(static_cast<double>(x) + 0.5 - center) / support;
    };
    auto [first, end] = reach_of(span, size, i);
    while (first < end && weight_of(first) <= 0) ++first;
    while (first < end && weight_of(end - 1) <= 0) --end;
    double sum = 0;
    for (int64_t x = first; x < end; ++x) sum += weight_of(x);
    windows[i] = {first, end - first, written};
    for (int64_t x = first; x < end; ++x)
      weights[written++] = static_cast<float>(weight_of(x) / sum);
  }
  return {windows, span.count, weights};
}

// One row of the source as floats of the target's channels, alpha composited on white.
template <class Pixel, int channels>
void convert_row(const Pixel* source, const ImageView& image, float* row) {
  constexpr float kWhite = std::is_same_v<Pixel, uint8_t> ? 255.0f : 1.0f;
  const int64_t source_channels = image.channels;
  const bool colour = source_channels >= 3, alpha = source_channels % 2 == 0;
  const bool blue_first = colour && image.order == ChannelOrder::bgr;
  const int64_t red_at = blue_first ? 2 : 0, blue_at = blue_first ? 0 : 2;
  for (int64_t x = 0; x < image.width; ++x, source += source_channels, row += channels) {
    float red = static_cast<float>(source[red_at]);
    float green = colour ? static_cast<float>(source[1]) : red;
    float blue = colour ? static_cast<float>(source[blue_at]) : red;
    if (alpha) {
      const float opacity = static_cast<float>(source[source_channels - 1]) / kWhite;
      const float white = kWhite * (1.0f - opacity);
      red = red * opacity + white;
      green = green * opacity + white;
      blue = blue * opacity + white;
    }
    if constexpr (channels == 3) {
      row[0] = red;
      row[1] = green;
      row[2] = blue;
    } else {
      row[0] = colour ? 0.299f * red + 0.587f * green + 0.114f * blue : red;
    }
  }
}

template <int channels>
void filter_row(const float* source, const Filter& filter, float* target) {
  for (int64_t i = 0; i < filter.count; ++i) {
    const Window& window = filter.windows[i];
    const float* weights = filter.weights + window.weights;
    const float* pixel = source + window.first * channels;
    float sums[channels] = {};
    for (int64_t k = 0; k < window.count; ++k, pixel += channels) {
      for (int channel = 0; channel < channels; ++channel)
        sums[channel] += weights[k] * pixel[channel];
    }
    for (int channel = 0; channel < channels; ++channel) *target++ = sums[channel];
  }
}

void write(float value, float& target) { target = value; }
void write(float value, uint8_t& target) {
  target = static_cast<uint8_t>(std::min(255.0f, value + 0.5f));
}

// Elements from a row of the image to the next.
template <class Pixel>
int64_t row_step(const ImageView& image) {
  return image.row_stride != 0 ? image.row_stride / static_cast<int64_t>(sizeof(Pixel))
                               : image.width * image.channels;
}

template <class Pixel, int channels>
void resize(const ImageView& image, int64_t height, int64_t width, Resize how, Pixel* output) {
  const Placement placement = place(image.height, image.width, height, width, how);
  const Span &columns = placement.columns, &rows = placement.rows;
  const int64_t row_floats = columns.count * channels, converted_floats = image.width * channels;
  // Only these source rows are read.
  const int64_t top = reach_of(rows, image.height, 0).first;
  const int64_t bottom = reach_of(rows, image.height, rows.count - 1).second;
  // A long thin image for a model with wide flat input has a far larger intermediate image than
  // source and target. Then every target row filters the rows that it needs itself, with the same
  // result.
  const bool buffers_rows = bottom - top <= kMostBufferedFloats / row_floats;
  const int64_t buffered_rows = buffers_rows ? bottom - top : 0;
  const int threads = get_num_threads();
  const int64_t source_grain = kGrainOfRows / converted_floats + 1;
  const int64_t target_grain = kGrainOfRows / (row_floats * most_taps(rows)) + 1;
  const int slots = runtime::slot_count(threads, buffered_rows, source_grain);
  const int target_slots = runtime::slot_count(threads, rows.count, target_grain);
  const int64_t slot_floats = row_floats + (buffers_rows ? 0 : row_floats + converted_floats);

  // One block for all arrays, because a prediction of a small image is mostly such costs.
  const int64_t across_floats = columns.count * most_taps(columns);
  const int64_t down_floats = rows.count * most_taps(rows);
  const int64_t middle_floats = buffered_rows * row_floats;
  const int64_t scratch_floats = std::max(slots * converted_floats, target_slots * slot_floats);
  std::vector<float> memory(
      runtime::checked_size(across_floats + down_floats + middle_floats + scratch_floats));
  float* const middle = memory.data() + across_floats + down_floats;
  float* const scratch = middle + middle_floats;
  std::vector<Window> windows(runtime::checked_size<Window>(columns.count + rows.count));
  const Filter across = triangle_filter(columns, image.width, windows.data(), memory.data());
  const Filter down = triangle_filter(rows, image.height, windows.data() + columns.count,
                                      memory.data() + across_floats);
  const auto filter_across = [&](int64_t y, float* converted, float* filtered) {
    convert_row<Pixel, channels>(
        static_cast<const Pixel*>(image.pixels) + y * row_step<Pixel>(image), image, converted);
    filter_row<channels>(converted, across, filtered);
  };
  runtime::parallel_for(slots, buffered_rows, source_grain,
                        [&](int64_t begin, int64_t end, int slot) {
                          float* row = scratch + slot * converted_floats;
                          for (int64_t y = begin; y < end; ++y)
                            filter_across(top + y, row, middle + y * row_floats);
                        });

  std::fill_n(output, height * width * channels, Pixel{0});
  runtime::parallel_for(
      target_slots, rows.count, target_grain, [&](int64_t begin, int64_t end, int slot) {
        float* sum = scratch + slot * slot_floats;
        float* const filtered = sum + row_floats;
        for (int64_t y = begin; y < end; ++y) {
          const Window& window = down.windows[y];
          std::fill_n(sum, row_floats, 0.0f);
          for (int64_t k = 0; k < window.count; ++k) {
            const float weight = down.weights[window.weights + k];
            const float* row = filtered;
            if (buffers_rows) {
              row = middle + (window.first + k - top) * row_floats;
            } else {
              filter_across(window.first + k, filtered + row_floats, filtered);
            }
            for (int64_t i = 0; i < row_floats; ++i) sum[i] += weight * row[i];
          }
          Pixel* target = output + ((rows.first + y) * width + columns.first) * channels;
          for (int64_t i = 0; i < row_floats; ++i) write(sum[i], target[i]);
        }
      });
}

// Whether the pixels are those of the target.
bool is_target(const ImageView& image, int64_t height, int64_t width, int64_t channels) {
  return image.height == height && image.width == width && image.channels == channels &&
         (channels == 1 || image.order == ChannelOrder::rgb);
}

template <class Pixel>
void copy_rows(const ImageView& image, Pixel* output) {
  const Pixel* row = static_cast<const Pixel*>(image.pixels);
  const int64_t row_pixels = image.width * image.channels;
  for (int64_t y = 0; y < image.height; ++y, row += row_step<Pixel>(image))
    output = std::copy_n(row, row_pixels, output);
}

template <class Pixel>
void check_and_resize(const ImageView& image, int64_t height, int64_t width, int64_t channels,
                      Resize how, Pixel* output) {
  check(image, height, width, channels,
        std::is_same_v<Pixel, uint8_t> ? PixelType::uint8 : PixelType::float32);
  if (!output) throw std::invalid_argument("resize_image: output is a null pointer");
  runtime::check_named("resize_image: ", "resize", how, kResizes);
  if (is_target(image, height, width, channels)) {
    copy_rows(image, output);
  } else if (channels == 1) {
    resize<Pixel, 1>(image, height, width, how, output);
  } else {
    resize<Pixel, 3>(image, height, width, how, output);
  }
}

}  // namespace

void check_images(const ImageBatch& images, const char* caller) {
  if (images.count < 0 || images.count > kMostImages) {
    throw std::invalid_argument(std::string(caller) + ": there are " +
                                std::to_string(images.count) + " images, expected 0 to " +
                                std::to_string(kMostImages));
  }
  if (images.count > 0 && !images.pixels)
    throw std::invalid_argument(std::string(caller) + ": the images' pixels are a null pointer");
}

void check_batch_size(int64_t count, const char* caller, const char* argument) {
  if (count >= 1 && count <= kMostImages) return;
  throw std::invalid_argument(std::string(caller) + ": " + argument + " is " +
                              std::to_string(count) + ", expected 1 to " +
                              std::to_string(kMostImages));
}

PreparedImage::PreparedImage(const ImageView& image, int64_t height, int64_t width,
                             int64_t channels, Resize resize) {
  check(image, height, width, channels, image.type);
  const bool is_float = image.type == PixelType::float32;
  if (is_target(image, height, width, channels) && image.row_stride == 0) {
    pixels_ = {image.pixels, image.type, !is_float, 1};
    return;
  }
  const std::size_t size = runtime::checked_size(height * width * channels);
  if (is_float) {
    floats_.resize(size);
    resize_image(image, height, width, channels, resize, floats_.data());
    pixels_ = {floats_.data(), 1};
  } else {
    bytes_.resize(size);
    resize_image(image, height, width, channels, resize, bytes_.data());
    pixels_ = {bytes_.data(), 1};
  }
}

}  // namespace data

ImageView ImageView::region(Integer top, Integer left, Integer region_height,
                            Integer region_width) const {
  if (!pixels) throw std::invalid_argument("region: the image's pixels are a null pointer");
  const auto check = [](const char* what, int64_t first, int64_t count, int64_t size) {
    if (first >= 0 && count >= 1 && first < size && count <= size - first) return;
    throw std::invalid_argument(
        "region: " + std::to_string(count) + " " + what + " from " + std::to_string(first) +
        " on, expected at least one of the image's " + std::to_string(size));
  };
  check("rows", top.value, region_height.value, height);
  check("columns", left.value, region_width.value, width);
  const int64_t pixel = channels * (type == PixelType::uint8 ? 1 : 4);
  ImageView part = *this;
  part.height = region_height.value;
  part.width = region_width.value;
  part.row_stride = row_stride != 0 ? row_stride : width * pixel;
  part.pixels = static_cast<const char*>(pixels) + top.value * part.row_stride + left.value * pixel;
  return part;
}

void resize_image(const ImageView& image, int64_t height, int64_t width, int64_t channels,
                  Resize resize, uint8_t* output) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  data::check_and_resize(image, height, width, channels, resize, output);
}

void resize_image(const ImageView& image, int64_t height, int64_t width, int64_t channels,
                  Resize resize, float* output) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  data::check_and_resize(image, height, width, channels, resize, output);
}

}  // namespace cnnx
