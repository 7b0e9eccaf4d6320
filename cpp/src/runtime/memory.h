// Float storage that kernels may read in whole vectors: 64-byte aligned, with 64 bytes of padding
// past the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace cnnx::runtime {

// A std::bad_alloc whose what() is a sentence.
class OutOfMemory : public std::bad_alloc {
 public:
  // Of a request for so many bytes at once.
  explicit OutOfMemory(std::uint64_t bytes);
  explicit OutOfMemory(const std::string& sentence) : sentence_(sentence) {}
  const char* what() const noexcept override { return sentence_.what(); }

 private:
  std::runtime_error sentence_;  // copies without an allocation
};

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  enum class Contents { zeros, anything };
  // Throws std::bad_alloc, OutOfMemory for more than memory_limit().
  explicit AlignedBuffer(int64_t floats, Contents contents = Contents::zeros);
  ~AlignedBuffer();
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  int64_t size() const { return size_; }

 private:
  float* data_ = nullptr;
  int64_t size_ = 0;
};

// A count of floats rounded up so that the next array in a shared block starts on a cache line.
constexpr int64_t round_up_to_line(int64_t floats) { return (floats + 15) / 16 * 16; }

// Bytes of memory that this machine, swap included, or this process's control group has, or that
// the system can address, if that is less; determined once. A larger request gets OutOfMemory.
// Otherwise a system that overcommits memory would end the process when it uses the memory.
std::uint64_t memory_limit();

// For an allocation of so many bytes. Throws OutOfMemory for more than memory_limit().
void check_memory(std::uint64_t bytes);

// Requests the system to read the parts of this memory that lie in a mapped file, all at once
// instead of page by page on access.
void read_ahead(const void* data, int64_t bytes) noexcept;

}  // namespace cnnx::runtime
