// Safetensors files: round trips, the exact bytes written, and every known kind of contradiction.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "check.h"
#include "cnnx/error.h"
#include "io/safetensors.h"
#include "temporary_folder.h"

using cnnx::FormatError;
using cnnx::Shape;
using cnnx::io::DType;
using cnnx::io::Metadata;
using cnnx::io::SafetensorsFile;
using cnnx::io::StoredTensor;
using cnnx::io::Tensor;

namespace {

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string little_endian(std::uint64_t number) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift & 0xFF);
  return bytes;
}

// A file with this header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data_size) {
  return little_endian(header.size()) + header + std::string(data_size, 'd');
}

// The tensors of a file whose bytes are freed: the header without the data.
SafetensorsFile parse(const std::string& file) {
  // A copy of exactly this size, so that a sanitizer detects reads beyond it.
  const std::vector<char> bytes(file.begin(), file.end());
  return SafetensorsFile::from_bytes(bytes.data(), bytes.size(), "m.cnnx");
}

// The names of the tensors, in their order.
std::string names_in(const std::string& file_bytes) {
  const SafetensorsFile file = parse(file_bytes);
  std::string names;
  for (const StoredTensor& tensor : file.tensors())
    names += (names.empty() ? "" : " ") + tensor.name;
  return names;
}

// One entry of a header.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

struct Example {
  float weight[6] = {1, -2.5f, 3, 4, 5, 6};
  double scale[1] = {0.1};
  std::int64_t step[1] = {-7};
  std::uint64_t seed[2] = {std::numeric_limits<std::uint64_t>::max(), 1};
  std::int32_t classes[3] = {1, -1, 0};
  std::uint8_t mask[5] = {0, 1, 2, 254, 255};
  std::int8_t whole[3] = {-128, 0, 127};
  Metadata metadata = {
      {"cnnx.graph", "{\"nodes\":[\"\xC3\xA9\"]}"}, {"cnnx.format", "1"}, {"", ""}};

  std::vector<Tensor> tensors() const {
    return {{"conv.weight", DType::f32, {2, 1, 3}, weight},
            {"scale", DType::f64, {}, scale},
            {"mask", DType::u8, {5}, mask},
            {"whole", DType::i8, {3, 1}, whole},
            {"step", DType::i64, {1}, step},
            {"empty", DType::f32, {0, 3}, nullptr},
            {"seed", DType::u64, {2}, seed},
            {"classes \"\n", DType::i32, {3, 1}, classes}};
  }
};

void check_example(const SafetensorsFile& file) {
  const Example example;
  const std::vector<Tensor> expected = example.tensors();
  CHECK(file.metadata() == example.metadata);
  CHECK_EQUAL(file.tensors().size(), expected.size());
  for (std::size_t index = 0; index < expected.size(); ++index) {
    const Tensor& wanted = expected[index];
    CHECK_EQUAL(file.tensors()[index].name, wanted.name);
    const StoredTensor* found = file.find(wanted.name);
    CHECK(found == &file.tensors()[index]);
    CHECK(found->dtype == wanted.dtype && found->shape == wanted.shape);
    const auto size = static_cast<std::size_t>(wanted.byte_count());
    CHECK_EQUAL(found->end - found->begin, size);
    std::vector<char> values(size);
    file.read(*found, values.data());
    CHECK(size == 0 || std::memcmp(values.data(), wanted.data, size) == 0);
  }
}

void test_round_trip() {
  const Example example;
  const std::vector<std::byte> bytes =
      cnnx::io::safetensors_bytes(example.tensors(), example.metadata, "m.cnnx");
  check_example(SafetensorsFile::from_bytes(bytes.data(), bytes.size(), "m.cnnx"));

  const cnnx::test::TemporaryFolder folder("safetensors");
  const auto path = folder / "m.cnnx";
  for (int time = 0; time < 2; ++time) {
    cnnx::io::write_safetensors(path, example.tensors(), example.metadata);
    SafetensorsFile file = SafetensorsFile::open(path);
    check_example(file);
    const SafetensorsFile moved = std::move(file);
    check_example(moved);
    std::ifstream stream(path, std::ios::binary);
    const std::string written((std::istreambuf_iterator<char>(stream)), {});
    CHECK_EQUAL(written, text_of(bytes));
  }
  CHECK_EQUAL(SafetensorsFile::open(path).name(), path.string());
}

void test_written_bytes() {
  const float values[2] = {1, 2};
  const std::string header =
      R"({"__metadata__":{"a":"1","b":"\"x\""},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::vector<std::byte> bytes = cnnx::io::safetensors_bytes(
      {{"w", DType::f32, {2, 1}, values}}, {{"b", "\"x\""}, {"a", "1"}}, "m.cnnx");
  CHECK_EQUAL(text_of(bytes),
              little_endian(padded.size()) + padded + std::string("\0\0\x80\x3F\0\0\0\x40", 8));
  CHECK_EQUAL(text_of(cnnx::io::safetensors_bytes({}, {}, "m.cnnx")),
              little_endian(8) + "{}      ");
  CHECK_EQUAL(names_in(little_endian(2) + "{}"), "");
}

void test_lookup() {
  const SafetensorsFile file = parse(file_of("{" + entry("b", "F32", "[2,1]", "[4,12]") + "," +
                                                 entry("a", "F32", "[1]", "[0,4]") + "," +
                                                 entry("c", "U8", "[]", "[12,13]") + "}",
                                             13));
  CHECK_EQUAL(file.tensors()[0].name, "a");  // by position, not by the header's order
  CHECK_EQUAL(file.tensors()[1].name, "b");
  CHECK(file.find("d") == nullptr && file.find("") == nullptr);
  CHECK_EQUAL(file.at("b", DType::f32, {2, 1}).name, "b");
  CHECK_EQUAL(file.beginning_with("").size(), 3u);
  CHECK_EQUAL(file.beginning_with("b").size(), 1u);
  CHECK_EQUAL(file.beginning_with("b").front(), file.find("b"));
  CHECK(file.beginning_with("bb").empty() && file.beginning_with("d").empty());
  CHECK_THROWS(FormatError, "m.cnnx: tensor \"d\" is missing", file.at("d", DType::f32, {}));
  CHECK_THROWS(FormatError, "m.cnnx: tensor \"c\" has dtype U8, expected F32",
               file.at("c", DType::f32, {}));
  CHECK_THROWS(FormatError, "m.cnnx: tensor \"b\" has shape (2, 1), expected (2,)",
               file.at("b", DType::f32, {2}));
}

void refuse(const std::string& header, std::size_t data_size, const char* part) {
  CHECK_THROWS(FormatError, "m.cnnx: ", parse(file_of(header, data_size)));
  CHECK_THROWS(FormatError, part, parse(file_of(header, data_size)));
}

void refuse_entry(const std::string& entry_text, std::size_t data_size, const char* part) {
  refuse("{" + entry_text + "}", data_size, part);
}

void test_refused_lengths() {
  const auto refuse_file = [](const std::string& file, const char* part) {
    CHECK_THROWS(FormatError, part, parse(file));
  };
  refuse_file("", "m.cnnx: not a safetensors file, it has only 0 bytes");
  refuse_file("1234567", "it has only 7 bytes");
  refuse_file(little_endian(0), "header: does not begin with '{'");
  refuse_file(little_endian(1), "it is truncated");
  refuse_file(little_endian(3) + "{}", "has 10 bytes, but its header should end at byte 11");
  refuse_file(little_endian((16 << 20) + 1) + "{}", "header of 16777217 bytes");
  refuse_file(little_endian(std::numeric_limits<std::uint64_t>::max()) + "{}",
              "header of 18446744073709551615 bytes, at most 16777216 are read");
  refuse_file(little_endian(std::numeric_limits<std::uint64_t>::max() - 7) + "{}", "announces");
  refuse_file(little_endian(16 << 20) + "{}", "it is truncated");
  // The longest readable header.
  const std::string longest = "{}" + std::string((16 << 20) - 2, ' ');
  CHECK_EQUAL(names_in(little_endian(16 << 20) + longest), "");
}

void test_refused_headers() {
  refuse(" {}", 0, "header: does not begin with '{'");
  refuse("[]", 0, "header: does not begin with '{'");
  refuse("{", 0, "header: byte 1: ");
  refuse("{}x", 0, "header: byte 2: expected the end of the text");
  refuse("{}", 1, "1 bytes at the end belong to no tensor");
  refuse("{\"\xFF\":1}", 0, "header: byte 2: the text is not valid UTF-8");
  refuse("{\"a\":" + std::string(33, '['), 0, "nest deeper than 32 levels");
  refuse("{\"a\":1}", 0, "tensor \"a\": expected an object, found the integer 1");
  refuse("{\"__metadata__\":[]}", 0,
         "header.__metadata__: expected an object, found an array of 0");
  refuse("{\"__metadata__\":{\"a\":1}}", 0, "header.__metadata__.a: expected a string");
  refuse("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "two members named \"__metadata__\"");
  const std::string one = entry("a", "U8", "[1]", "[0,1]");
  refuse("{" + one + "," + one + "}", 1, "two members named \"a\"");
  refuse("{" + one + "," + entry("\\u0061", "U8", "[1]", "[1,2]") + "}", 2,
         "two members named \"a\"");
}

void test_refused_entries() {
  refuse_entry("\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}", 1,
               "member \"dtype\", which is missing");
  refuse_entry("\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}", 1,
               "member \"shape\", which is missing");
  refuse_entry("\"a\":{\"dtype\":\"U8\",\"shape\":[1]}", 1, "\"data_offsets\", which is missing");
  refuse_entry("\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":0}", 1,
               "tensor \"a\": has an unknown member \"x\"");
  refuse_entry("\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]}", 1,
               "tensor \"a\".dtype: expected a string, found the integer 8");
  for (const char* dtype :
       {"BF16", "F16", "BOOL", "I16", "U16", "U32", "F8_E5M2", "f32", "i8", ""}) {
    const std::string part = "tensor \"a\": has dtype \"" + std::string(dtype) +
                             "\", only F32, F64, I32, I64, I8, U8 and U64 are read";
    refuse_entry(entry("a", dtype, "[1]", "[0,1]"), 1, part.c_str());
  }
  refuse_entry(entry("a", "U8", "1", "[0,1]"), 1,
               "tensor \"a\".shape: expected an array of integers");
  refuse_entry(entry("a", "U8", "[\"1\"]", "[0,1]"), 1,
               "tensor \"a\".shape[0]: expected an integer");
  refuse_entry(entry("a", "U8", "[1.0]", "[0,1]"), 1, "found a real number");
  refuse_entry(entry("a", "U8", "[-1]", "[0,1]"), 1, "the impossible shape (-1,)");
  refuse_entry(entry("a", "U8", "[-1,-1]", "[0,1]"), 1, "the impossible shape (-1, -1)");
  refuse_entry(entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1,
               "has 9 axes, at most 8 are read");

  refuse_entry(entry("a", "U8", "[1]", "0"), 1, "data_offsets: expected an array of 2");
  refuse_entry(entry("a", "U8", "[1]", "[0]"), 1, "data_offsets: expected an array of 2");
  refuse_entry(entry("a", "U8", "[1]", "[0,1,2]"), 1, "data_offsets: expected an array of 2");
  refuse_entry(entry("a", "U8", "[1]", "[-1,0]"), 1,
               "data_offsets[0]: expected an integer of at least 0");
  refuse_entry(entry("a", "U8", "[1]", "[0,-1]"), 1,
               "data_offsets[1]: expected an integer of at least 0");
  refuse_entry(entry("a", "U8", "[1]", "[0,18446744073709551615]"), 1, "does not fit in 64 bits");
}

void test_refused_sizes() {
  // 2^62 floats are 2^64 bytes, which would wrap to 0; 2^32 * 2^32 elements wrap the same way.
  refuse_entry(entry("a", "F32", "[4611686018427387904]", "[0,0]"), 0, "impossible shape");
  refuse_entry(entry("a", "U8", "[4294967296,4294967296]", "[0,0]"), 0, "impossible shape");
  refuse_entry(entry("a", "U8", "[4294967297,4294967297]", "[0,1]"), 1, "impossible shape");
  refuse_entry(entry("a", "F64", "[0,9223372036854775807,3]", "[0,0]"), 0, "impossible shape");
  refuse_entry(entry("a", "F64", "[9223372036854775807,3,0]", "[0,0]"), 0, "impossible shape");
  refuse_entry(entry("a", "U8", "[9223372036854775807]", "[0,9223372036854775807]"), 8,
               "ends at byte 9223372036854775807 of the data, which has only 8");
  CHECK_EQUAL(names_in(file_of("{" + entry("a", "F32", "[0,7]", "[0,0]") + "}", 0)), "a");
}

void test_refused_places() {
  refuse_entry(entry("a", "F32", "[2]", "[0,7]"), 7,
               "which is 8 bytes, but its data_offsets are 0 and 7");
  refuse_entry(entry("a", "F32", "[2]", "[0,8]"), 7,
               "ends at byte 8 of the data, which has only 7");
  refuse_entry(entry("a", "U8", "[2]", "[2,0]"), 2, "but its data_offsets are 2 and 0");
  refuse_entry(entry("a", "U8", "[2]", "[1,3]"), 3,
               "1 bytes of the data before tensor \"a\" belong to no");
  refuse_entry(entry("a", "U8", "[2]", "[0,2]"), 3, "1 bytes at the end belong to no tensor");
  const auto two = [](const std::string& first, const std::string& second) {
    return entry("a", "U8", "[2]", first) + "," + entry("b", "U8", "[2]", second);
  };
  CHECK_EQUAL(names_in(file_of("{" + two("[2,4]", "[0,2]") + "}", 4)), "b a");
  refuse_entry(two("[0,2]", "[3,5]"), 5,
               "1 bytes of the data before tensor \"b\" belong to no tensor");
  refuse_entry(two("[0,2]", "[1,3]"), 3,
               "tensor \"b\" begins at byte 1 of the data, inside another");
  refuse_entry(two("[0,2]", "[0,2]"), 2,
               "tensor \"b\" begins at byte 0 of the data, inside another");
  refuse_entry(two("[0,2]", "[0,2]"), 4, "inside another tensor");
  const std::string empty_inside = two("[0,2]", "[2,4]") + "," + entry("c", "U8", "[0]", "[3,3]");
  refuse_entry(empty_inside, 4, "tensor \"c\" begins at byte 3 of the data, inside another tensor");
  refuse_entry(entry("c", "U8", "[0]", "[1,1]"), 0, "ends at byte 1 of the data, which has only 0");
  const std::string empty_between = two("[0,2]", "[2,4]") + "," + entry("c", "U8", "[0]", "[2,2]");
  CHECK_EQUAL(names_in(file_of("{" + empty_between + "}", 4)), "a c b");
}

void test_other_kinds() {
  const auto refuse_file = [](const std::string& file, const char* part) {
    CHECK_THROWS(FormatError, part, parse(file));
  };
  refuse_file("PK\x03\x04\x14\x01\x08\x08rest", "m.cnnx: this is a zip archive, expected a model");
  refuse_file("\x80\x04\x95\x10\x20\x01\x01\x01rest", "is a Python pickle, which can run code");
  refuse_file("\x89HDF\r\n\x1a\nrest", "is an HDF5 file");
  refuse_file("\x1f\x8b\x08\x08\x01\x01\x01\x01rest", "is gzip-compressed");
  refuse_file("# Hello, this is a note\n", "is a text file");
  refuse_file("\177ELF\x02\x01\x01\x01rest", "it announces a header of ");
}

void test_refused_writing() {
  const float value = 1;
  const auto write = [](const std::vector<Tensor>& tensors, const Metadata& metadata = {}) {
    const cnnx::test::TemporaryFolder folder("safetensors");
    try {
      cnnx::io::write_safetensors(folder / "m.cnnx", tensors, metadata);
    } catch (...) {
      CHECK(std::filesystem::is_empty(folder.path()));
      throw;
    }
  };
  const Tensor good{"a", DType::f32, {1}, &value};
  write({good});
  CHECK_THROWS(std::invalid_argument, "m.cnnx: header: byte ", write({good, good}));
  CHECK_THROWS(std::invalid_argument, "cannot be named \"__metadata__\"",
               write({{"__metadata__", DType::f32, {1}, &value}}));
  CHECK_THROWS(std::invalid_argument, "\"\\xff\" is not valid UTF-8",
               write({{"\xFF", DType::f32, {1}, &value}}));
  CHECK_THROWS(std::invalid_argument, "is not valid UTF-8", write({good}, {{"caf\xE9", ""}}));
  CHECK_THROWS(std::invalid_argument, "is not valid UTF-8", write({good}, {{"label", "caf\xE9"}}));
  CHECK_THROWS(std::invalid_argument, "impossible shape (-1,)",
               write({{"a", DType::f32, {-1}, &value}}));
  CHECK_THROWS(std::invalid_argument, "impossible shape",
               write({{"a", DType::f32, {std::int64_t{1} << 62}, &value}}));
  CHECK_THROWS(std::invalid_argument, "larger than any file",
               write({{"a", DType::u8, {std::numeric_limits<std::int64_t>::max()}, &value},
                      {"b", DType::u8, {1}, &value}}));
  CHECK_THROWS(std::invalid_argument, "has 9 axes",
               write({{"a", DType::f32, Shape(9, 1), &value}}));
  CHECK_THROWS(std::invalid_argument, "at most 16777216 are read",
               write({good}, {{"text", std::string(16 << 20, 'x')}}));
}

void test_files() {
  const cnnx::test::TemporaryFolder folder("safetensors");
  const auto path = folder / "m.cnnx";
  CHECK_THROWS(std::system_error, "cannot read " + path.string(), SafetensorsFile::open(path));
  CHECK_THROWS(std::system_error, "cannot read " + folder.path().string(),
               SafetensorsFile::open(folder.path()));
  const std::string with_nul = path.string() + std::string("\0.txt", 5);
  CHECK_THROWS(std::system_error, "the path holds a NUL, expected the path of a file",
               SafetensorsFile::open(with_nul));
  std::ofstream(path, std::ios::binary) << "short";
  CHECK_THROWS(FormatError, path.string() + ": not a safetensors file",
               SafetensorsFile::open(path));
  const Example example;
  cnnx::io::write_safetensors(path, example.tensors(), {});
  const SafetensorsFile open = SafetensorsFile::open(path);
  // Its data are read on demand, and may be gone by then.
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  std::int32_t classes[3];
  CHECK_THROWS(FormatError, path.string() + ": the file ended while it was being read",
               open.read(*open.find("classes \"\n"), classes));
  const std::string device = cnnx::test::kIsWindows ? "NUL" : "/dev/zero";
  CHECK_THROWS(FormatError, device + ": this is not a regular file", SafetensorsFile::open(device));
}

// Every prefix and every flipped bit of the header of a small file is read or refused.
void test_damage() {
  const Example example;
  const std::string file =
      text_of(cnnx::io::safetensors_bytes(example.tensors(), example.metadata, "m.cnnx"));
  for (std::size_t length = 0; length < file.size(); ++length) {
    CHECK_THROWS(FormatError, "m.cnnx: ", parse(file.substr(0, length)));
  }
  CHECK_THROWS(FormatError, "1 bytes at the end belong to no tensor", parse(file + "x"));

  const std::size_t header_end = 8 + static_cast<unsigned char>(file[0]) +
                                 256 * std::size_t{static_cast<unsigned char>(file[1])};
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * header_end; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    try {
      std::uint64_t bytes = 0;
      const SafetensorsFile read = parse(damaged);
      for (const StoredTensor& tensor : read.tensors()) bytes += tensor.end - tensor.begin;
      CHECK_EQUAL(bytes, file.size() - header_end);
    } catch (const FormatError& error) {
      CHECK_EQUAL(std::string(error.what()).substr(0, 8), "m.cnnx: ");
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

}  // namespace

int safetensors_test(int, char*[]) {
  test_round_trip();
  test_written_bytes();
  test_lookup();
  test_refused_lengths();
  test_refused_headers();
  test_refused_entries();
  test_refused_sizes();
  test_refused_places();
  test_other_kinds();
  test_refused_writing();
  test_files();
  test_damage();
  return cnnx::test::finish("safetensors_test");
}
