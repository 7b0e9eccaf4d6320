// The hardware prefetcher and the first-level cache of the CPU.
#pragma once

namespace cnnx::runtime {

// Whether it tracks as many streams as a few rows of pixels make, one in each page of 4 KB. Then
// rows are best read in memory order, and prefetch instructions only cost time. On other CPUs
// kernels prefetch, or read an image in another order. Results are the same.
bool foresees_rows();

// Whether pixels of many channels, which share few sets of a first-level cache, are read row by row
// too: the CPU foresees the rows, or the cache has the ways to hold some of them.
bool reads_long_pixels_by_rows();

}  // namespace cnnx::runtime
