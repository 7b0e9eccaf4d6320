// Checksums: XXH64 against published values, the text in a file, and what a reader refuses.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/error.h"
#include "io/checksums.h"
#include "io/safetensors.h"
#include "io/xxh64.h"

namespace {

using cnnx::FormatError;
using cnnx::io::checksums_text;
using cnnx::io::DType;
using cnnx::io::kChecksumsKey;
using cnnx::io::Metadata;
using cnnx::io::SafetensorsFile;
using cnnx::io::Tensor;

std::uint64_t hash(const std::string& text) { return cnnx::io::xxh64(text.data(), text.size()); }

// The values of the tests of other implementations; one for every way in which the bytes end.
void test_xxh64() {
  CHECK_EQUAL(hash(""), 0xef46db3751d8e999u);
  CHECK_EQUAL(hash("a"), 0xd24ec4f1a98c6e5bu);
  CHECK_EQUAL(hash("as"), 0x1c330fb2d66be179u);
  CHECK_EQUAL(hash("asd"), 0x631c37ce72a97393u);
  CHECK_EQUAL(hash("asdf"), 0x415872f599cea71eu);
  CHECK_EQUAL(hash("Call me Ishmael. Some years ago--never mind how long precisely-"),
              0x02a2e85470d6fd96u);
  const std::string text(100, 'x');
  CHECK_EQUAL(cnnx::io::xxh64(text.data() + 1, 64), hash(std::string(64, 'x')));
}

const float kValues[2] = {1, 2};
const std::vector<Tensor> kTensors = {{"w", DType::f32, {2}, kValues},
                                      {"empty", DType::f32, {0}, nullptr}};

void test_text() {
  const std::string text = checksums_text(kTensors, {{"a", "1"}});
  CHECK_EQUAL(text.substr(0, 17), "{\"__metadata__\":\"");
  CHECK(text.find(R"(","w":")") != std::string::npos);
  CHECK(text.find(R"(,"empty":"ef46db3751d8e999"})") != std::string::npos);
  // They do not cover themselves.
  CHECK_EQUAL(checksums_text(kTensors, {{"a", "1"}, {kChecksumsKey, "x"}}), text);
  // Neither key nor value may run into the next.
  CHECK(checksums_text({}, {{"a", "1"}}) != checksums_text({}, {{"a1", ""}}));
  CHECK(checksums_text({}, {{"a", "1"}, {"b", ""}}) != checksums_text({}, {{"a", "1b"}}));
}

// Reads every tensor of a file with this text of checksums.
void read(const std::string& checksums) {
  const auto bytes =
      cnnx::io::safetensors_bytes(kTensors, {{"a", "1"}, {kChecksumsKey, checksums}}, "m.cnnx");
  auto file = SafetensorsFile::from_bytes(bytes.data(), bytes.size(), "m.cnnx");
  file.expect_checksums();
  for (const auto& tensor : file.tensors()) {
    float values[2];
    file.read(tensor, values);
  }
}

void test_reading() {
  const std::string good = checksums_text(kTensors, {{"a", "1"}});
  read(good);
  const auto replaced = [&](const std::string& old, const std::string& now) {
    std::string text = good;
    return text.replace(text.find(old), old.size(), now);
  };
  const std::string reason =
      " does not match its checksum: the file is damaged, or a program changed it and left "
      "cnnx.checksums as it was";
  CHECK_THROWS(FormatError, "m.cnnx: its metadata" + reason,
               read(checksums_text(kTensors, {{"a", "2"}})));
  CHECK_THROWS(FormatError, "m.cnnx: tensor \"empty\"" + reason,
               read(replaced("ef46db3751d8e999", "ef46db3751d8e998")));
  CHECK_THROWS(FormatError,
               "m.cnnx: cnnx.checksums.empty: is \"EF46db3751d8e999\", expected 16 hexadecimal",
               read(replaced("ef46db3751d8e999", "EF46db3751d8e999")));
  CHECK_THROWS(FormatError, "cnnx.checksums.empty: is \"\", expected 16",
               read(replaced("ef46db3751d8e999", "")));
  CHECK_THROWS(FormatError, "cnnx.checksums.empty: is \"0x46db3751d8e999\", expected 16",
               read(replaced("ef46db3751d8e999", "0x46db3751d8e999")));
  CHECK_THROWS(FormatError, "cnnx.checksums.full: is the checksum of a tensor that is missing",
               read(replaced("\"empty\"", "\"full\"")));
  CHECK_THROWS(FormatError, "cnnx.checksums: has no checksum of tensor \"empty\"",
               read(replaced(",\"empty\":\"ef46db3751d8e999\"", "")));
  CHECK_THROWS(FormatError, "expected a member \"__metadata__\", which is missing", read("{}"));
  CHECK_THROWS(FormatError, "m.cnnx: cnnx.checksums: expected an object", read("[]"));
}

}  // namespace

int checksums_test(int, char*[]) {
  test_xxh64();
  test_text();
  test_reading();
  return cnnx::test::finish("checksums_test");
}
