// resize_image against values worked out by hand and, at one odd size, against Pillow.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "cnnx/preprocessing.h"
#include "cnnx/runtime.h"
#include "data/image.h"

namespace {

using cnnx::ImageView;
using cnnx::PixelType;
using cnnx::Resize;
using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;

ImageView view(const Bytes& pixels, int64_t height, int64_t width, int64_t channels) {
  return {pixels.data(), height, width, channels, PixelType::uint8, 0};
}

ImageView view(const Floats& pixels, int64_t height, int64_t width, int64_t channels) {
  return {pixels.data(), height, width, channels, PixelType::float32, 0};
}

template <class Pixels = Bytes>
Pixels resized(const ImageView& image, int64_t height, int64_t width, int64_t channels,
               Resize how = Resize::stretch) {
  Pixels output(static_cast<size_t>(height * width * channels));
  cnnx::resize_image(image, height, width, channels, how, output.data());
  return output;
}

Bytes texture(size_t count) {
  Bytes pixels(count);
  for (size_t i = 0; i < count; ++i) pixels[i] = static_cast<uint8_t>(i * i * 7 % 256);
  return pixels;
}

Floats texture_of_floats(size_t count) {
  const Bytes bytes = texture(count);
  Floats pixels(bytes.begin(), bytes.end());
  for (float& pixel : pixels) pixel /= 256;
  return pixels;
}

void the_requested_size_passes_unchanged() {
  const Bytes grey = texture(5 * 7), colour = texture(5 * 7 * 3);
  for (const Resize how : {Resize::stretch, Resize::fit, Resize::crop}) {
    CHECK(resized(view(grey, 5, 7, 1), 5, 7, 1, how) == grey);
    CHECK(resized(view(colour, 5, 7, 3), 5, 7, 3, how) == colour);
  }
  // Neighbours have weight 0 and are not multiplied.
  const Floats wild = {0.1f, INFINITY, -2.5f, 1e-40f};
  CHECK(resized<Floats>(view(wild, 2, 2, 1), 2, 2, 1) == wild);
}

void weights_are_a_triangle() {
  // 4 -> 2: centres at 1 and 3, half-width 2: weights 3/4, 3/4, 1/4 of the pixels in reach, over
  // their sum.
  const Floats row = {7, 14, 28, 56};
  const Floats half = resized<Floats>(view(row, 1, 4, 1), 1, 2, 1);
  CHECK(std::fabs(half[0] - (3 * 7 + 3 * 14 + 28) / 7.0f) < 1e-5f);
  CHECK(std::fabs(half[1] - (14 + 3 * 28 + 3 * 56) / 7.0f) < 1e-5f);
  // 2 -> 4: bilinear, the border repeated.
  CHECK((resized<Floats>(view(Floats{0, 8}, 1, 2, 1), 1, 4, 1) == Floats{0, 2, 6, 8}));
  // The same along the other axis.
  CHECK((resized<Floats>(view(row, 4, 1, 1), 2, 1, 1) == half));
  // A half is rounded up.
  CHECK((resized(view(Bytes{0, 1}, 1, 2, 1), 1, 1, 1) == Bytes{1}));
}

void one_awkward_size_as_pillow_does_it() {
  // Image.fromarray(texture).resize((4, 3), Image.BILINEAR), Pillow 12: it rounds between its two
  // passes.
  const Bytes pillow = {58, 71, 124, 203, 74, 95, 176, 211, 117, 142, 73, 172};
  const Bytes ours = resized(view(texture(5 * 7), 5, 7, 1), 3, 4, 1);
  for (size_t i = 0; i < pillow.size(); ++i) CHECK(std::abs(pillow[i] - ours[i]) <= 1);
}

// An intermediate image too large for memory: 9000 rows of 2000 pixels, of which half are needed.
void a_large_image_is_resized_as_its_parts_are() {
  constexpr int64_t rows = 9000, columns = 2000, half = columns / 2;
  const Bytes whole = texture(static_cast<size_t>(rows * columns));
  const Bytes resized_whole = resized(view(whole, rows, columns, 1), 3, columns, 1);
  ImageView left = view(whole, rows, half, 1);
  left.row_stride = columns;
  const Bytes resized_left = resized(left, 3, half, 1);
  for (int64_t row = 0; row < 3; ++row) {
    CHECK(std::equal(resized_left.begin() + row * half, resized_left.begin() + (row + 1) * half,
                     resized_whole.begin() + row * columns));
  }
  // Ten thousand pixels in, ten thousand out, and 25 million in between.
  const Bytes thin(5000 * 2, 77);
  CHECK(resized(view(thin, 5000, 2, 1), 2, 5000, 1) == thin);
}

void a_flat_image_stays_flat() {
  for (const int64_t height : {1, 3, 13, 64}) {
    for (const int64_t width : {1, 7, 40}) {
      const Bytes flat(static_cast<size_t>(height * width * 3), 201);
      for (const auto& [target_height, target_width] :
           {std::pair<int64_t, int64_t>{1, 1}, {5, 17}, {50, 3}}) {
        const size_t size = static_cast<size_t>(target_height * target_width * 3);
        CHECK(resized(view(flat, height, width, 3), target_height, target_width, 3) ==
              Bytes(size, 201));
        CHECK(resized(view(flat, height, width, 3), target_height, target_width, 3, Resize::crop) ==
              Bytes(size, 201));
      }
    }
  }
}

void fit_pads_with_black() {
  const Bytes wide(2 * 4, 9), tall(4 * 2, 9);
  CHECK((resized(view(wide, 2, 4, 1), 4, 4, 1, Resize::fit) ==
         Bytes{0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0}));
  CHECK((resized(view(tall, 4, 2, 1), 4, 4, 1, Resize::fit) ==
         Bytes{0, 9, 9, 0, 0, 9, 9, 0, 0, 9, 9, 0, 0, 9, 9, 0}));
  // An odd remainder puts the smaller half first, and a line is at least one pixel wide.
  CHECK((resized(view(Bytes(100, 9), 1, 100, 1), 4, 2, 1, Resize::fit) ==
         Bytes{0, 0, 9, 9, 0, 0, 0, 0}));
}

void crop_keeps_the_middle() {
  const Bytes wide = {1, 2, 3, 4, 5, 6, 7, 8};
  CHECK((resized(view(wide, 2, 4, 1), 2, 2, 1, Resize::crop) == Bytes{2, 3, 6, 7}));
  CHECK((resized(view(wide, 4, 2, 1), 2, 2, 1, Resize::crop) == Bytes{3, 4, 5, 6}));
}

void channels() {
  const Bytes primaries = {255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77};
  CHECK((resized(view(primaries, 1, 4, 3), 1, 4, 1) == Bytes{76, 150, 29, 77}));
  CHECK((resized(view(Bytes{5, 200}, 1, 2, 1), 1, 2, 3) == Bytes{5, 5, 5, 200, 200, 200}));
  // Alpha on white: opaque, transparent, and 51/255 = one fifth.
  CHECK((resized(view(Bytes{10, 255, 10, 0, 100, 51}, 1, 3, 2), 1, 3, 1) == Bytes{10, 255, 224}));
  CHECK((resized(view(Bytes{10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 200, 51}, 1, 3, 4), 1, 3, 3) ==
         Bytes{10, 20, 30, 255, 255, 255, 204, 224, 244}));
  CHECK((resized<Floats>(view(Floats{0.25f, 1.0f, 0.25f, 0.0f}, 1, 2, 2), 1, 2, 1) ==
         Floats{0.25f, 1.0f}));
}

void rows_may_have_gaps() {
  const Bytes padded = {1, 2, 99, 3, 4, 99};
  ImageView image = view(padded, 2, 2, 1);
  image.row_stride = 3;
  CHECK((resized(image, 2, 2, 1) == Bytes{1, 2, 3, 4}));
}

void threads_do_not_matter() {
  const Bytes large = texture(301 * 403 * 3);
  cnnx::set_num_threads(1);
  const Bytes serial = resized(view(large, 301, 403, 3), 97, 131, 3);
  for (const int threads : {2, 3, 8}) {
    cnnx::set_num_threads(threads);
    CHECK(resized(view(large, 301, 403, 3), 97, 131, 3) == serial);
  }
}

void prepared_images_are_the_resized_ones() {
  const Bytes grey = texture(5 * 7);
  const cnnx::data::PreparedImage prepared(view(grey, 5, 7, 1), 3, 4, 3, Resize::fit);
  const auto* const bytes = static_cast<const uint8_t*>(prepared.pixels().pixels);
  CHECK(Bytes(bytes, bytes + 3 * 4 * 3) == resized(view(grey, 5, 7, 1), 3, 4, 3, Resize::fit));
  CHECK(prepared.pixels().type == PixelType::uint8 && prepared.pixels().integer_values);
  const Floats floats = texture_of_floats(2 * 3);
  const cnnx::data::PreparedImage smaller(view(floats, 2, 3, 1), 1, 2, 1, Resize::stretch);
  const auto* const numbers = static_cast<const float*>(smaller.pixels().pixels);
  CHECK(Floats(numbers, numbers + 2) == resized<Floats>(view(floats, 2, 3, 1), 1, 2, 1));
  CHECK(smaller.pixels().type == PixelType::float32 && !smaller.pixels().integer_values);
}

void an_image_of_the_size_is_not_copied() {
  const Bytes grey = texture(5 * 7);
  const Floats floats = texture_of_floats(5 * 7);
  const cnnx::data::PreparedImage bytes(view(grey, 5, 7, 1), 5, 7, 1, Resize::fit);
  const cnnx::data::PreparedImage numbers(view(floats, 5, 7, 1), 5, 7, 1, Resize::fit);
  CHECK(bytes.pixels().pixels == grey.data() && bytes.pixels().integer_values);
  CHECK(numbers.pixels().pixels == floats.data() && !numbers.pixels().integer_values);
  // With gaps between the rows it is.
  ImageView left = view(grey, 5, 3, 1);
  left.row_stride = 7;
  const cnnx::data::PreparedImage part(left, 5, 3, 1, Resize::fit);
  const auto* const pixels = static_cast<const uint8_t*>(part.pixels().pixels);
  for (int64_t i = 0; i < 15; ++i) CHECK(pixels[i] == grey[static_cast<size_t>(i / 3 * 7 + i % 3)]);
}

void blue_may_be_first() {
  for (const int64_t channels : {3, 4}) {
    const Bytes colour = texture(static_cast<size_t>(5 * 7 * channels));
    Bytes swapped = colour;
    for (size_t i = 0; i < colour.size(); i += static_cast<size_t>(channels))
      std::swap(swapped[i], swapped[i + 2]);
    ImageView image = view(swapped, 5, 7, channels);
    image.order = cnnx::ChannelOrder::bgr;
    for (const int64_t target : {1, 3}) {
      CHECK(resized(image, 4, 6, target) == resized(view(colour, 5, 7, channels), 4, 6, target));
      CHECK(resized(image, 5, 7, target) == resized(view(colour, 5, 7, channels), 5, 7, target));
    }
  }
  const Bytes grey = texture(5 * 7);
  ImageView image = view(grey, 5, 7, 1);
  image.order = cnnx::ChannelOrder::bgr;
  CHECK(resized(image, 5, 7, 3) == resized(view(grey, 5, 7, 1), 5, 7, 3));
}

void a_region_is_a_view_of_a_part() {
  const Bytes pixels = texture(6 * 8 * 3);
  Bytes part;
  for (int64_t y = 2; y < 5; ++y) {
    const auto row = pixels.begin() + (y * 8 + 1) * 3;
    part.insert(part.end(), row, row + 4 * 3);
  }
  const ImageView whole = view(pixels, 6, 8, 3);
  CHECK(resized(whole.region(2, 1, 3, 4), 3, 4, 3) == part);
  CHECK(resized(whole.region(1, 0, 5, 7).region(1, 1, 3, 4), 3, 4, 3) == part);
  const Floats floats = texture_of_floats(4 * 5);
  const ImageView corner = view(floats, 4, 5, 1).region(3, 4, 1, 1);
  CHECK(resized<Floats>(corner, 1, 1, 1) == Floats{floats.back()});
  CHECK_THROWS(std::invalid_argument,
               "region: 3 rows from 4 on, expected at least one of the image's 6",
               whole.region(4, 0, 3, 4));
  CHECK_THROWS(std::invalid_argument,
               "region: 4 columns from -1 on, expected at least one of the image's 8",
               whole.region(0, -1, 3, 4));
  CHECK_THROWS(std::invalid_argument, "region: 0 rows from 0 on", whole.region(0, 0, 0, 4));
  CHECK_THROWS(std::invalid_argument, "region: 9223372036854775807 rows from 1 on",
               whole.region(1, 0, std::numeric_limits<int64_t>::max(), 4));
  ImageView nothing = whole;
  nothing.pixels = nullptr;
  CHECK_THROWS(std::invalid_argument, "region: the image's pixels are a null pointer",
               nothing.region(1, 1, 2, 2));
}

void sizes_are_of_any_integer_type() {
  const Bytes pixels = texture(5 * 7 * 3);
  const std::size_t height = 5, width = 7;
  const unsigned char channels = 3;
  // Braces would refuse a conversion that narrows.
  const ImageView image{pixels.data(), height, width, channels};
  CHECK(image.height == 5 && image.width == 7 && image.channels == 3 && image.row_stride == 0);
  const ImageView rows{pixels.data(), height, 2, channels, PixelType::uint8, 3 * width};
  CHECK(rows.row_stride == 21);
  const cnnx::ImageBatch batch{pixels.data(), height};
  CHECK(batch.count == 5 && batch.integer_values);
}

void errors() {
  const Bytes pixels(12);
  Bytes out(12);
  Floats floats(12);
  const auto resize = [&](const ImageView& image, int64_t height, int64_t width,
                          int64_t channels_out) {
    cnnx::resize_image(image, height, width, channels_out, Resize::stretch, out.data());
  };
  using Error = std::invalid_argument;
  CHECK_THROWS(Error, "the image's height is 0, expected 1 to 1048576",
               resize(view(pixels, 0, 2, 1), 1, 1, 1));
  CHECK_THROWS(Error, "the image's width is -2", resize(view(pixels, 1, -2, 1), 1, 1, 1));
  CHECK_THROWS(Error, "resize_image: height is 0", resize(view(pixels, 2, 2, 1), 0, 1, 1));
  CHECK_THROWS(Error, "resize_image: width is 1048577",
               resize(view(pixels, 2, 2, 1), 1, 1048577, 1));
  CHECK_THROWS(Error, "the image has 5 channels, expected 1 (grey)",
               resize(view(pixels, 1, 2, 5), 1, 1, 1));
  CHECK_THROWS(Error, "channels is 2, expected 1 (grey) or 3 (RGB)",
               resize(view(pixels, 2, 2, 1), 1, 1, 2));
  CHECK_THROWS(Error, "pixels are a null pointer",
               resize(ImageView{nullptr, 1, 1, 1, PixelType::uint8, 0}, 1, 1, 1));
  CHECK_THROWS(Error, "resize_image: output is a null pointer",
               cnnx::resize_image(view(pixels, 1, 1, 1), 1, 1, 1, Resize::stretch,
                                  static_cast<uint8_t*>(nullptr)));
  CHECK_THROWS(Error, "the image is float32, expected uint8",
               resize(view(floats, 1, 1, 1), 1, 1, 1));
  CHECK_THROWS(Error, "the image is uint8, expected float32",
               cnnx::resize_image(view(pixels, 1, 1, 1), 1, 1, 1, Resize::stretch, floats.data()));
  CHECK_THROWS(Error, "row_stride is 5, expected 0 or a multiple of 1 from 6",
               resize(ImageView{pixels.data(), 2, 2, 3, PixelType::uint8, 5}, 1, 1, 1));
  CHECK_THROWS(Error, "row_stride is 9, expected 0 or a multiple of 4 from 8",
               cnnx::resize_image(ImageView{floats.data(), 2, 2, 1, PixelType::float32, 9}, 1, 1, 1,
                                  Resize::stretch, floats.data()));
}

}  // namespace

int image_test(int, char*[]) {
  the_requested_size_passes_unchanged();
  weights_are_a_triangle();
  one_awkward_size_as_pillow_does_it();
  a_large_image_is_resized_as_its_parts_are();
  a_flat_image_stays_flat();
  fit_pads_with_black();
  crop_keeps_the_middle();
  channels();
  rows_may_have_gaps();
  threads_do_not_matter();
  prepared_images_are_the_resized_ones();
  an_image_of_the_size_is_not_copied();
  blue_may_be_first();
  a_region_is_a_view_of_a_part();
  sizes_are_of_any_integer_type();
  errors();
  return cnnx::test::finish("image_test");
}
