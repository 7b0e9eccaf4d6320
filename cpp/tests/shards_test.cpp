// Shards of a batch: the rows of each, the order in which their arrays are added, and checkpoints.
#include "training/shards.h"

#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/checkpoint.h"
#include "cnnx/error.h"
#include "cnnx/layers.h"
#include "cnnx/trainer.h"
#include "temporary_folder.h"

namespace {

using cnnx::training::places_of;
using cnnx::training::Rows;
using cnnx::training::rows_of_shard;
using cnnx::training::ShardPlace;
using cnnx::training::ShardSpan;
using cnnx::training::ShardSums;
using cnnx::training::sums_of;
using Floats = std::vector<float>;

constexpr int64_t kFloats = 37, kFirstRange = 20, kGroup = 8;

void shards_cover_all_rows_in_order() {
  for (const int64_t rows : {1, 7, 64, 65}) {
    for (const int64_t shards : {1, 2, 8, 9, 64, 100}) {
      int64_t next = 0;
      for (int64_t shard = 0; shard < shards; ++shard) {
        const Rows part = rows_of_shard(rows, shards, shard);
        CHECK_EQUAL(part.first, next);
        CHECK(part.count == rows / shards || part.count == rows / shards + 1);
        next += part.count;
      }
      CHECK_EQUAL(next, rows);
    }
  }
}

// Numbers of very different sizes, whose sum depends on the order.
Floats values_of(int64_t shard) {
  Floats values;
  uint32_t state = static_cast<uint32_t>(shard) * 2654435761u + 1;
  for (int64_t i = 0; i < kFloats; ++i) {
    state = state * 1664525u + 1013904223u;
    const float fraction = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    values.push_back(fraction * static_cast<float>(1 << (state >> 28)));
  }
  return values;
}

std::vector<ShardSpan> singles(int64_t first, int64_t end) {
  std::vector<ShardSpan> spans;
  for (; first < end; ++first) spans.push_back({first, first + 1});
  return spans;
}

// Adds one array per span, in two ranges.
Floats added(const std::vector<ShardSpan>& spans, const std::vector<Floats>& values) {
  const std::vector<ShardPlace> places = places_of(spans);
  ShardSums sums;
  sums.begin(places, kFloats);
  Floats total(kFloats, 1e30f);  // earlier contents do not matter
  for (std::size_t i = 0; i < spans.size(); ++i) {
    sums.add(places[i], {kFirstRange, kFloats - kFirstRange}, values[i].data() + kFirstRange, 1,
             total.data());
    sums.add(places[i], {0, kFirstRange}, values[i].data(), 1, total.data());
  }
  return total;
}

Floats sum_of(int64_t first, int64_t end) {
  std::vector<Floats> values;
  for (int64_t shard = first; shard < end; ++shard) values.push_back(values_of(shard));
  return added(singles(first, end), values);
}

// Each group in order, then the groups in order.
Floats expected_sum(int64_t shards) {
  Floats total;
  for (int64_t first = 0; first < shards; first += kGroup) {
    Floats group = values_of(first);
    for (int64_t shard = first + 1; shard < shards && shard < first + kGroup; ++shard) {
      const Floats values = values_of(shard);
      for (std::size_t i = 0; i < group.size(); ++i) group[i] += values[i];
    }
    if (total.empty()) total.assign(group.size(), 0.0f);
    for (std::size_t i = 0; i < group.size(); ++i)
      total[i] = first == 0 ? group[i] : total[i] + group[i];
  }
  return total;
}

void groups_of_eight_are_added_in_order() {
  for (int64_t shards = 1; shards <= 27; ++shards) CHECK(sum_of(0, shards) == expected_sum(shards));
  Floats in_one_row = values_of(0);
  for (int64_t shard = 1; shard < 27; ++shard) {
    const Floats values = values_of(shard);
    for (std::size_t i = 0; i < values.size(); ++i) in_one_row[i] += values[i];
  }
  CHECK(in_one_row != expected_sum(27));
}

void processes_add_to_the_same_bits() {
  for (const int64_t shards : {8, 12, 16, 24, 48}) {
    for (int64_t processes = 1; processes <= shards; ++processes) {
      if (shards % processes != 0) continue;
      const int64_t own = shards / processes;
      std::vector<ShardSpan> spans;
      std::vector<Floats> values;
      for (int64_t process = 0; process < processes; ++process) {
        for (const ShardSpan& span : sums_of({process * own, (process + 1) * own}, shards)) {
          spans.push_back(span);
          values.push_back(sum_of(span.first, span.end));
        }
      }
      CHECK(added(spans, values) == expected_sum(shards));
    }
  }
}

void a_checkpoint_has_its_number_of_shards() {
  const cnnx::test::TemporaryFolder folder("shards_test");
  const std::string path = (folder / "run.ckpt").string();
  const auto trainer_of = [](cnnx::Model& model, int64_t shards) {
    cnnx::TrainerOptions options;
    options.shards = shards;
    return cnnx::Trainer(model, cnnx::Adam{}, cnnx::Loss{}, options);
  };
  cnnx::Model model({cnnx::Flatten(), cnnx::Dense(2)}, {2, 2, 1});
  trainer_of(model, 3).save_checkpoint(path, {});
  const cnnx::Checkpoint checkpoint = cnnx::Checkpoint::load(path);
  cnnx::Model loaded = checkpoint.model();
  for (const int64_t shards : {1, 4}) {
    cnnx::Trainer other = trainer_of(loaded, shards);
    CHECK_THROWS(cnnx::FormatError,
                 "has shards=3, but the trainer's settings expect shards=" + std::to_string(shards),
                 other.restore(checkpoint));
  }
  trainer_of(loaded, 3).restore(checkpoint);
}

}  // namespace

int shards_test(int, char*[]) {
  shards_cover_all_rows_in_order();
  groups_of_eight_are_added_in_order();
  processes_add_to_the_same_bits();
  a_checkpoint_has_its_number_of_shards();
  return cnnx::test::finish("shards_test");
}
