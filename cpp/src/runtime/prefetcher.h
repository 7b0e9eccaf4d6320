// The hardware prefetcher of the CPU.
#pragma once

namespace cnnx::runtime {

// Whether it tracks as many streams as a few rows of pixels make, one in each page of 4 KB. Then
// rows are best read in memory order, and prefetch instructions only cost time. On other CPUs
// kernels prefetch, or read an image in another order. Results are the same.
bool foresees_rows();

}  // namespace cnnx::runtime
