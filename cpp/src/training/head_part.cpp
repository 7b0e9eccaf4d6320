// Copies columns of rows: a head's outputs and targets, and its gradient.
#include "training/head_part.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/check_settings.h"
#include "runtime/parallel.h"
#include "runtime/sizes.h"

namespace cnnx::training {
namespace {

const float* columns(const float* rows, const HeadPart::Range& range, int64_t count,
                     runtime::AlignedBuffer& storage) {
  if (storage.size() < count * range.size) storage = runtime::AlignedBuffer(count * range.size);
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(rows + i * range.width + range.offset, range.size, storage.data() + i * range.size);
  }
  return storage.data();
}

}  // namespace

Targets HeadPart::targets(const Targets& all, int64_t images, TargetStorage& storage) const {
  if (!all.values) return {nullptr, nullptr, all.weights};
  const float* const values = columns(all.values, targets_, images, storage.values);
  if (!takes_labels_) return {nullptr, values, all.weights};
  constexpr float kMost = 16777216.0f;  // 2^24: labels beyond would be rounded
  const int64_t count = images * targets_.size;
  storage.labels.resize(runtime::checked_size<int64_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const float value = values[i];
    const bool is_label = value >= -kMost && value <= kMost &&
                          static_cast<float>(static_cast<int64_t>(value)) == value;
    if (!is_label) {
      throw std::invalid_argument("target " + runtime::in_words(static_cast<double>(value)) +
                                  " at row " + std::to_string(i / targets_.size) +
                                  " is no label, expected a whole number");
    }
    storage.labels[static_cast<std::size_t>(i)] = static_cast<int64_t>(value);
  }
  return {storage.labels.data(), nullptr, all.weights};
}

const float* HeadPart::outputs(const float* all, int64_t images,
                               runtime::AlignedBuffer& storage) const {
  return columns(all, outputs_, images, storage);
}

void HeadPart::put_gradient(const float* own, int64_t images, int threads, float* all) const {
  constexpr int64_t kGrainFloats = 16 * 1024;
  runtime::parallel_for(threads, images, kGrainFloats / outputs_.size + 1,
                        [&](int64_t begin, int64_t end, int) {
                          for (int64_t i = begin; i < end; ++i) {
                            std::copy_n(own + i * outputs_.size, outputs_.size,
                                        all + i * outputs_.width + outputs_.offset);
                          }
                        });
}

}  // namespace cnnx::training
