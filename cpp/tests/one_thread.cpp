// Ends a test of an executable for one thread that starts another.
#include <cstdio>
#include <cstdlib>

extern "C" int pthread_create(void*, const void*, void* (*)(void*), void*) {
  std::fputs("this test starts a thread: remove it from one_thread_tests in CMakeLists.txt\n",
             stderr);
  std::abort();
}
