// What the CPU fetches into its caches by itself.
#pragma once

namespace cnnx::runtime {

// Whether it follows as many streams as a few rows of pixels make, one in each page of 4 KB. Then
// rows are best read as they lie, and fetching them by instructions only costs these; elsewhere
// kernels fetch, or take another way through an image. Results are the same.
bool foresees_rows();

}  // namespace cnnx::runtime
