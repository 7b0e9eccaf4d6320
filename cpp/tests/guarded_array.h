// A float array at the end of readable memory: touching one element past it stops the test with a
// segmentation fault. Its first element is aligned to 4 bytes only, like a caller's array.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define CNNX_TEST_GUARD_PAGES 1
#elif defined(_WIN32)
#include <windows.h>
#define CNNX_TEST_GUARD_PAGES 1
#endif

namespace cnnx::test {

class GuardedArray {
 public:
  explicit GuardedArray(int64_t count, float value = 0.0f) : count_(count) {
#if defined(CNNX_TEST_GUARD_PAGES)
    const std::size_t page = page_size();
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
    const std::size_t readable = (bytes + page - 1) / page * page;
    mapped_ = readable + page;
    base_ = mapped(mapped_);
    make_unreadable(base_ + readable, page);
    data_ = reinterpret_cast<float*>(base_ + readable - bytes);
#else
    storage_.resize(static_cast<std::size_t>(count));
    data_ = storage_.data();
#endif
    for (int64_t i = 0; i < count; ++i) data_[i] = value;
  }
  explicit GuardedArray(const std::vector<float>& values)
      : GuardedArray(static_cast<int64_t>(values.size())) {
    std::copy(values.begin(), values.end(), data_);
  }
  ~GuardedArray() {
#if defined(_WIN32)
    VirtualFree(base_, 0, MEM_RELEASE);
#elif defined(CNNX_TEST_GUARD_PAGES)
    munmap(base_, mapped_);
#endif
  }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  int64_t size() const { return count_; }
  float& operator[](int64_t index) { return data_[index]; }
  float operator[](int64_t index) const { return data_[index]; }
  std::vector<float> values() const { return std::vector<float>(data_, data_ + count_); }

 private:
#if defined(_WIN32)
  static std::size_t page_size() {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
  }
  static char* mapped(std::size_t bytes) {
    void* const memory = VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<char*>(memory);
  }
  static void make_unreadable(char* begin, std::size_t bytes) {
    DWORD before = 0;
    if (!VirtualProtect(begin, bytes, PAGE_NOACCESS, &before)) throw std::bad_alloc();
  }
#elif defined(CNNX_TEST_GUARD_PAGES)
  static std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
  static char* mapped(std::size_t bytes) {
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<char*>(memory);
  }
  static void make_unreadable(char* begin, std::size_t bytes) {
    if (mprotect(begin, bytes, PROT_NONE) != 0) throw std::bad_alloc();
  }
#endif

  int64_t count_;
  float* data_ = nullptr;
#if defined(CNNX_TEST_GUARD_PAGES)
  char* base_ = nullptr;
  std::size_t mapped_ = 0;
#else
  std::vector<float> storage_;
#endif
};

// Equal in every bit: unlike ==, it distinguishes -0 from 0 and treats equal NaNs as equal.
inline bool same_bits(const std::vector<float>& left, const std::vector<float>& right) {
  return left.size() == right.size() &&
         (left.empty() || std::memcmp(left.data(), right.data(), left.size() * sizeof(float)) == 0);
}

}  // namespace cnnx::test
