// Ends a test that is in the list of those with one thread but starts another.
#include <cstdio>
#include <cstdlib>

extern "C" int pthread_create(void*, const void*, void* (*)(void*), void*) {
  std::fputs("this test starts a thread: remove it from of_one_thread in CMakeLists.txt\n", stderr);
  std::abort();
}
