// Assertions for the C++ tests: they print and count failures, in release builds too, and continue.
// A test is a function with the name of its file, called by the driver that CMake writes for an
// executable: `int json_test(int, char*[])` ends with `return cnnx::test::finish("json_test");`.
#pragma once

#include <atomic>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>

namespace cnnx::test {

struct Counts {  // of all threads
  std::atomic<int> checks{0};
  std::atomic<int> failures{0};
};

inline Counts& counts() {
  static Counts instance;
  return instance;
}

inline void record(bool passed, const char* file, int line, const std::string& message) {
  ++counts().checks;
  if (passed) return;
  ++counts().failures;
  std::fprintf(stderr, "%s:%d: %s\n", file, line, message.c_str());
}

template <typename Left, typename Right>
void check_equal(const Left& left, const Right& right, const char* file, int line,
                 const char* left_text, const char* right_text) {
  const bool equal = left == right;
  std::ostringstream message;
  if (!equal) {
    message << left_text << " == " << right_text << " failed: " << left << " != " << right;
  }
  record(equal, file, line, message.str());
}

// Runs `action` and checks that it throws an Exception whose what() contains `part`.
template <typename Exception, typename Action>
void check_throws(const Action& action, const std::string& part, const char* file, int line,
                  const char* text) {
  try {
    action();
  } catch (const Exception& error) {
    const bool found = std::string(error.what()).find(part) != std::string::npos;
    record(found, file, line,
           std::string(text) + " threw \"" + error.what() + "\", expected \"" + part + "\"");
    return;
  } catch (const std::exception& error) {
    record(false, file, line, std::string(text) + " threw another exception type: " + error.what());
    return;
  }
  record(false, file, line, std::string(text) + " did not throw, expected \"" + part + "\"");
}

constexpr const char* kOneThread = "a WebAssembly module has one thread";

#if defined(__EMSCRIPTEN__)
constexpr bool kIsWebAssembly = true;
#else
constexpr bool kIsWebAssembly = false;
#endif
#if defined(_WIN32)
constexpr bool kIsWindows = true;
#else
constexpr bool kIsWindows = false;
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

// How many of a test's many cases to run: a quarter with a sanitizer, which takes ten to thirty
// times as long for each.
constexpr int cases(int count) { return kIsSanitized ? count / 4 : count; }

// Returns `here`: whether this system leaves out the part of a test. Prints the reason.
inline bool left_out(bool here, const char* part, const char* reason) {
  if (here) std::printf("left out: %s, because %s\n", part, reason);
  return here;
}

inline bool left_out_of_webassembly(const char* part, const char* reason) {
  return left_out(kIsWebAssembly, part, reason);
}

inline bool left_out_of_windows(const char* part, const char* reason) {
  return left_out(kIsWindows, part, reason);
}

// The exit status of a test: 0 when every check passed and there was at least one.
inline int finish(const char* name) {
  std::printf("%s: %d checks, %d failed\n", name, counts().checks.load(), counts().failures.load());
  return counts().failures == 0 && counts().checks > 0 ? 0 : 1;
}

}  // namespace cnnx::test

#define CHECK(expression) \
  ::cnnx::test::record(static_cast<bool>(expression), __FILE__, __LINE__, #expression " is false")

#define CHECK_EQUAL(left, right) \
  ::cnnx::test::check_equal((left), (right), __FILE__, __LINE__, #left, #right)

// CHECK_THROWS(std::invalid_argument, "expected in_channels", conv2d(x, weight));
#define CHECK_THROWS(Exception, part, ...)                                                         \
  ::cnnx::test::check_throws<Exception>([&] { static_cast<void>(__VA_ARGS__); }, (part), __FILE__, \
                                        __LINE__, #__VA_ARGS__)
