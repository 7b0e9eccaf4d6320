// Checks the parts of a cnnx_samples that are independent of the loss.
#include "c_api/samples.h"

#include <string>

namespace cnnx::c_api {

Samples::Samples(const Call& call, const cnnx_samples* samples, const float* weights) {
  const cnnx_samples& given = call.not_null(samples, "samples");
  images = call.images(given.pixels, given.type, given.count);
  targets.labels = given.labels;
  targets.values = given.values;
  targets.weights = weights;
  if (!given.rows) {
    if (given.row_count != 0) call.refuse("rows is a null pointer, but row_count is not 0");
    return;
  }
  if (given.row_count < 1) {
    call.refuse("row_count is " + std::to_string(given.row_count) +
                ", expected 1 or more, or no rows for all");
  }
  rows.assign(given.rows, given.rows + given.row_count);
}

void Samples::refuse_rows(const Call& call) const {
  if (!rows.empty()) call.refuse("rows are given, expected none: a step takes whole batches");
}

}  // namespace cnnx::c_api
