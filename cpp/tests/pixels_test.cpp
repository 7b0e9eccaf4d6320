// Normalisation: exactly (p / 255 - mean) / std in float32, for any channels and threads; and the
// checks of its settings.
#include "data/pixels.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/runtime.h"

namespace {

using cnnx::PixelType;
using cnnx::Preprocessing;
using Floats = std::vector<float>;

bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

template <class Pixel>
Floats expected(const std::vector<Pixel>& source, int64_t channels, const Preprocessing& how,
                bool divide) {
  Floats out;
  for (size_t i = 0; i < source.size(); ++i) {
    const size_t channel = i % static_cast<size_t>(channels);
    const float pixel = static_cast<float>(source[i]);
    const float scaled = divide ? pixel / 255.0f : pixel;
    const float centred = scaled - how.mean[how.mean.size() == 1 ? 0 : channel];
    out.push_back(centred / how.std[how.std.size() == 1 ? 0 : channel]);
  }
  return out;
}

template <class Pixel>
Floats normalised(const std::vector<Pixel>& source, int64_t channels, const Preprocessing& how,
                  bool divide) {
  Floats out(source.size());
  cnnx::data::normalise_pixels(source.data(), static_cast<int64_t>(source.size()) / channels,
                               channels, how, divide, out.data());
  return out;
}

Preprocessing with(Floats mean, Floats std) {
  return {cnnx::Resize::stretch, std::move(mean), std::move(std)};
}

void the_formula_to_the_bit() {
  std::vector<uint8_t> bytes(256 * 15);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i % 256);
  Floats floats(bytes.begin(), bytes.end());
  for (float& value : floats) value *= 0.7f;
  for (const int64_t channels : {1, 3, 5}) {
    Floats means, deviations;
    for (int64_t c = 0; c < channels; ++c) {
      means.push_back(0.1307f + 0.1f * static_cast<float>(c));
      deviations.push_back(0.3081f + 0.05f * static_cast<float>(c));
    }
    for (const Preprocessing& how :
         {with({0}, {1}), with({0.1307f}, {0.3081f}), with(means, deviations),
          with({0.5f}, deviations), with(means, {1}), with(Floats(means.size(), 0), {1})}) {
      cnnx::validate(how, channels);
      for (const bool divide : {true, false}) {
        CHECK(same_bits(normalised(bytes, channels, how, divide),
                        expected(bytes, channels, how, divide)));
        CHECK(same_bits(normalised(floats, channels, how, divide),
                        expected(floats, channels, how, divide)));
      }
    }
  }
}

void identity_leaves_every_float() {
  const Floats special = {0.0f, -0.0f, 1e-42f, -3.0f, INFINITY, NAN};
  CHECK(cnnx::is_identity(with({0}, {1})));
  CHECK(cnnx::is_identity(with({0, 0, 0}, {1, 1, 1})));
  CHECK(same_bits(normalised(special, 1, with({0}, {1}), false), special));
  CHECK(!cnnx::is_identity(with({-0.0f}, {1})));  // -0 - -0 is +0
  CHECK(same_bits(normalised(special, 1, with({-0.0f}, {1}), false),
                  expected(special, 1, with({-0.0f}, {1}), false)));
  CHECK(!cnnx::is_identity(with({0}, {2})));
  CHECK(!cnnx::is_identity(with({0, 0, 0.1f}, {1})));
}

void threads_do_not_matter() {
  std::vector<uint8_t> bytes(300007 * 3);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i % 251);
  const Preprocessing how = with({0.4f, 0.5f, 0.6f}, {0.2f, 0.3f, 0.4f});
  cnnx::set_num_threads(1);
  const Floats serial = normalised(bytes, 3, how, true);
  cnnx::set_num_threads(3);
  CHECK(same_bits(normalised(bytes, 3, how, true), serial));
}

void gathering_is_normalising_chosen_images() {
  constexpr int64_t kPixels = 35, kChannels = 3, kSize = kPixels * kChannels;
  std::vector<uint8_t> bytes(static_cast<size_t>(6 * kSize));
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 31 % 256);
  const Floats whole_numbers(bytes.begin(), bytes.end());
  const Preprocessing how = with({0.4f, 0.5f, 0.6f}, {0.2f});
  const Floats all = normalised(bytes, kChannels, how, true),
               raw = normalised(whole_numbers, kChannels, how, false);
  const std::vector<int64_t> rows = {4, 0, 4, 5};
  const auto gathered = [&](const void* source, PixelType type, bool integer_values) {
    Floats out(rows.size() * static_cast<size_t>(kSize));
    cnnx::ImageBatch images = {};
    images.pixels = source;
    images.type = type;
    images.integer_values = integer_values;
    cnnx::data::gather_images(images, rows.data(), static_cast<int64_t>(rows.size()),
                              {kPixels, 1, kChannels}, how, cnnx::get_num_threads(), out.data());
    return out;
  };
  const auto chosen = [&](const Floats& images) {
    Floats out;
    for (const int64_t row : rows) {
      out.insert(out.end(), images.begin() + row * kSize, images.begin() + (row + 1) * kSize);
    }
    return out;
  };
  CHECK(same_bits(gathered(bytes.data(), PixelType::uint8, false), chosen(all)));
  CHECK(same_bits(gathered(whole_numbers.data(), PixelType::float32, true), chosen(all)));
  CHECK(same_bits(gathered(whole_numbers.data(), PixelType::float32, false), chosen(raw)));
}

void settings_are_checked() {
  using Error = std::invalid_argument;
  cnnx::validate(Preprocessing{}, 1);
  cnnx::validate(with({0.1f, 0.2f, 0.3f}, {1}), 3);
  CHECK_THROWS(Error, "preprocessing: mean has 2 values, expected 1 or 3 (one per channel)",
               cnnx::validate(with({0, 0}, {1}), 3));
  CHECK_THROWS(Error, "preprocessing: std has 3 values, expected 1",
               cnnx::validate(with({0}, {1, 1, 1}), 1));
  CHECK_THROWS(Error, "preprocessing: mean has 0 values", cnnx::validate(with({}, {1}), 1));
  CHECK_THROWS(Error, "preprocessing: mean is nan, expected a finite number",
               cnnx::validate(with({NAN}, {1}), 1));
  CHECK_THROWS(Error, "preprocessing: std is 0, expected a finite number above 0",
               cnnx::validate(with({0}, {0}), 1));
  CHECK_THROWS(Error, "preprocessing: std is -1", cnnx::validate(with({0}, {-1}), 1));
  CHECK_THROWS(Error, "preprocessing: std is inf", cnnx::validate(with({0}, {INFINITY}), 1));
}

}  // namespace

int pixels_test(int, char*[]) {
  the_formula_to_the_bit();
  identity_leaves_every_float();
  threads_do_not_matter();
  gathering_is_normalising_chosen_images();
  settings_are_checked();
  return cnnx::test::finish("pixels_test");
}
