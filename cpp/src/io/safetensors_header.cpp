// Parsing, checking and writing the header of a safetensors file.
#include "io/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include "cnnx/error.h"
#include "io/file_kind.h"
#include "io/json.h"
#include "io/json_view.h"
#include "io/text.h"

namespace cnnx::io {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  std::int64_t bytes;
};

constexpr DTypeRow dtype_rows[] = {
    {DType::f32, "F32", 4}, {DType::f64, "F64", 8}, {DType::i8, "I8", 1},   {DType::i32, "I32", 4},
    {DType::i64, "I64", 8}, {DType::u8, "U8", 1},   {DType::u64, "U64", 8},
};

const DTypeRow& row_of(DType dtype) {
  return *std::find_if(std::begin(dtype_rows), std::end(dtype_rows),
                       [&](const DTypeRow& row) { return row.dtype == dtype; });
}

// Nothing if a size is negative, or if the nonzero sizes multiply beyond 64 bits: (0, huge, huge)
// is refused like (huge, huge, 0), so that no later product depends on the order of the axes.
std::optional<std::int64_t> checked_byte_count(DType dtype, const Shape& shape) {
  std::int64_t product = row_of(dtype).bytes;
  bool is_empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    is_empty = is_empty || size == 0;
    if (size > 0 && product > std::numeric_limits<std::int64_t>::max() / size) return std::nullopt;
    if (size > 0) product *= size;
  }
  return is_empty ? 0 : product;
}

DType parse_dtype(const JsonView& entry) {
  const JsonView view = entry.at("dtype");
  const std::string& name = view.string();
  for (const DTypeRow& row : dtype_rows) {
    if (row.name == name) return row.dtype;
  }
  entry.fail("has dtype " + in_quotes(name) + ", only F32, F64, I32, I64, I8, U8 and U64 are read");
}

StoredTensor parse_entry(const std::string& name, const JsonView& entry, std::uint64_t data_size) {
  entry.allow_only({"dtype", "shape", "data_offsets"});
  StoredTensor out;
  out.name = name;
  out.dtype = parse_dtype(entry);
  out.shape = entry.at("shape").integers();
  if (out.shape.size() > SafetensorsFile::max_axes) {
    entry.fail("has " + std::to_string(out.shape.size()) + " axes, at most " +
               std::to_string(SafetensorsFile::max_axes) + " are read");
  }
  const std::optional<std::int64_t> bytes = checked_byte_count(out.dtype, out.shape);
  if (!bytes) entry.fail("has the impossible shape " + to_string(out.shape));

  const std::vector<JsonView> offsets = entry.at("data_offsets").elements(2);
  out.begin = static_cast<std::uint64_t>(offsets[0].integer(0));
  out.end = static_cast<std::uint64_t>(offsets[1].integer(0));
  if (out.end > data_size) {
    entry.fail("ends at byte " + std::to_string(out.end) + " of the data, which has only " +
               std::to_string(data_size));
  }
  if (out.begin > out.end || out.end - out.begin != static_cast<std::uint64_t>(*bytes)) {
    entry.fail("has dtype " + std::string(name_of(out.dtype)) + " and shape " +
               to_string(out.shape) + ", which is " + std::to_string(*bytes) +
               " bytes, but its data_offsets are " + std::to_string(out.begin) + " and " +
               std::to_string(out.end));
  }
  return out;
}

// Sorts the tensors by position, and refuses overlaps and gaps.
void check_coverage(std::vector<StoredTensor>& tensors, std::uint64_t data_size,
                    const std::string& file_name) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& left, const auto& right) {
    return std::pair(left.begin, left.end) < std::pair(right.begin, right.end);
  });
  std::uint64_t covered = 0;
  for (const StoredTensor& each : tensors) {
    if (each.begin < covered) {
      throw FormatError(file_name + ": tensor " + in_quotes(each.name) + " begins at byte " +
                        std::to_string(each.begin) + " of the data, inside another tensor");
    }
    if (each.begin > covered) {
      throw FormatError(file_name + ": " + std::to_string(each.begin - covered) +
                        " bytes of the data before tensor " + in_quotes(each.name) +
                        " belong to no tensor");
    }
    covered = each.end;
  }
  if (covered != data_size) {
    throw FormatError(file_name + ": " + std::to_string(data_size - covered) +
                      " bytes at the end belong to no tensor");
  }
}

}  // namespace

std::string_view name_of(DType dtype) { return row_of(dtype).name; }

std::int64_t Tensor::byte_count() const {
  const std::optional<std::int64_t> bytes = checked_byte_count(dtype, shape);
  if (!bytes) {
    throw std::invalid_argument("tensor " + in_quotes(name) + " has the impossible shape " +
                                cnnx::to_string(shape));
  }
  return *bytes;
}

std::uint64_t checked_header_size(std::string_view beginning, std::uint64_t file_size,
                                  const std::string& file_name) {
  std::uint64_t size = 0;
  for (std::size_t index = 8; index > 0; --index)
    size = size << 8 | static_cast<unsigned char>(beginning[index - 1]);
  if (size > SafetensorsFile::max_header_bytes) {
    const std::string kind = kind_of_file(beginning);
    if (!kind.empty()) {
      throw FormatError(file_name + ": this is " + kind +
                        ", expected a model or a checkpoint that cnnx saved");
    }
    throw FormatError(file_name +
                      ": not a safetensors file, or a damaged one: it announces a header of " +
                      std::to_string(size) + " bytes, at most " +
                      std::to_string(SafetensorsFile::max_header_bytes) + " are read");
  }
  if (size > file_size - 8) {
    throw FormatError(file_name + ": the file has " + std::to_string(file_size) +
                      " bytes, but its header should end at byte " + std::to_string(size + 8) +
                      ": it is truncated, or not a safetensors file");
  }
  return size;
}

SafetensorsHeader SafetensorsHeader::parse(std::string_view text, std::uint64_t data_size,
                                           const std::string& file_name) {
  const std::string what = file_name + ": header";
  if (text.empty() || text[0] != '{') throw FormatError(what + ": does not begin with '{'");
  const Json json = Json::parse(text, what);
  SafetensorsHeader header;
  JsonView(json, what).for_each_member([&](const std::string& name, const JsonView& member) {
    if (name == kMetadataMember) {
      member.for_each_member([&](const std::string& key, const JsonView& value) {
        header.metadata[key] = value.string();
      });
    } else {
      const JsonView entry = member.renamed(file_name + ": tensor " + in_quotes(name));
      header.tensors.push_back(parse_entry(name, entry, data_size));
    }
  });
  check_coverage(header.tensors, data_size, file_name);
  return header;
}

std::string safetensors_prefix(const std::vector<Tensor>& tensors, const Metadata& metadata,
                               const std::string& file_name) {
  std::string text = "{";
  const auto begin_member = [&](std::string_view name) {
    if (text.size() > 1) text += ',';
    text += Json(name).dump() + ':';
  };
  if (!metadata.empty()) {
    begin_member(kMetadataMember);
    Json object = Json::object();
    for (const auto& [key, value] : metadata) object.set(key, value);
    text += object.dump();
  }
  std::int64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    if (tensor.name == kMetadataMember) {
      throw FormatError(file_name + ": a tensor cannot be named " + in_quotes(kMetadataMember));
    }
    const std::int64_t bytes = tensor.byte_count();
    if (bytes > std::numeric_limits<std::int64_t>::max() - offset) {
      throw FormatError(file_name + ": the tensors are larger than any file");
    }
    Json entry = Json::object();
    entry.set("dtype", name_of(tensor.dtype));
    entry.set("shape", Json::array(tensor.shape));
    entry.set("data_offsets", Json::array(std::vector<std::int64_t>{offset, offset + bytes}));
    begin_member(tensor.name);
    text += entry.dump();
    offset += bytes;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > SafetensorsFile::max_header_bytes) {
    throw FormatError(file_name + ": its header would have " + std::to_string(text.size()) +
                      " bytes, at most " + std::to_string(SafetensorsFile::max_header_bytes) +
                      " are read");
  }
  SafetensorsHeader::parse(text, static_cast<std::uint64_t>(offset), file_name);

  std::string prefix;
  for (int shift = 0; shift < 64; shift += 8) {
    prefix += static_cast<char>(static_cast<std::uint64_t>(text.size()) >> shift & 0xFF);
  }
  return prefix + text;
}

}  // namespace cnnx::io
