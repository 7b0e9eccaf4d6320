// Maps exceptions to statuses and stores each thread's last error message.
#include "c_api/status.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "cnnx/error.h"
#include "runtime/memory.h"
#include "runtime/utf8.h"

namespace cnnx::c_api {
namespace {

// Without a destructor, because destructors of static objects call C functions after those of the
// thread's variables have run. It also needs no memory when there is none.
struct LastError {
  char message[4096];  // as cnnx/c_api.h says
  int32_t number;
};

thread_local LastError last_error = {};

// A message that is too long is cut between two characters; bytes that are no UTF-8 stay.
std::size_t length_of(std::string_view message) {
  constexpr std::size_t kMost = sizeof(LastError::message) - 1;
  constexpr std::size_t kLongestCharacter = 4;
  if (message.size() <= kMost) return message.size();
  for (std::size_t first = kMost - kLongestCharacter + 1; first < kMost; ++first)
    if (first + runtime::utf8_sequence_length(message.substr(first)) > kMost) return first;
  return kMost;
}

cnnx_status note(cnnx_status status, std::string_view message, int32_t number = 0) noexcept {
  last_error.number = number;
  const std::size_t length = length_of(message);
  std::copy_n(message.data(), length, last_error.message);
  last_error.message[length] = '\0';
  return status;
}

}  // namespace

cnnx_status note_exception() noexcept {
  try {
    throw;
  } catch (const FormatError& error) {
    return note(CNNX_FORMAT_ERROR, error.what());
  } catch (const NotFiniteError& error) {
    return note(CNNX_NOT_FINITE, error.what());
  } catch (const std::invalid_argument& error) {
    return note(CNNX_INVALID_ARGUMENT, error.what());
  } catch (const std::system_error& error) {
    return note(CNNX_SYSTEM_ERROR, error.what(), error.code().value());
  } catch (const runtime::OutOfMemory& error) {
    return note(CNNX_OUT_OF_MEMORY, error.what());
  } catch (const std::bad_alloc&) {
    return note(CNNX_OUT_OF_MEMORY, "cnnx: there is not enough memory");
  } catch (const std::exception& error) {
    return note(CNNX_INTERNAL_ERROR, error.what());
  } catch (...) {
    return note(CNNX_INTERNAL_ERROR, "cnnx: an exception of an unknown kind");
  }
}

}  // namespace cnnx::c_api

const char* cnnx_error_message(void) { return cnnx::c_api::last_error.message; }
int32_t cnnx_error_number(void) { return cnnx::c_api::last_error.number; }
