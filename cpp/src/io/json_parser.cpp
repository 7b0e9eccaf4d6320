// Json::parse: a recursive descent parser for text that has been checked to be UTF-8, at most 32
// calls deep.
#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "cnnx/error.h"
#include "io/json.h"
#include "io/text.h"
#include "runtime/utf8.h"

namespace cnnx::io {

class JsonParser {
 public:
  JsonParser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  Json document() {
    const std::size_t valid = runtime::valid_utf8_prefix(text_);
    if (valid != text_.size()) fail_at(valid, "the text is not valid UTF-8");
    Json json = value(0);
    skip_white_space();
    if (position_ != text_.size()) fail("expected the end of the text, found " + here());
    return json;
  }

 private:
  Json value(int depth) {
    skip_white_space();
    if (++values_ > Json::max_values) {
      fail("the text holds more than " + std::to_string(Json::max_values) + " values");
    }
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return Json(string());
      case 't':
        expect_word("true");
        return Json(true);
      case 'f':
        expect_word("false");
        return Json(false);
      case 'n':
        expect_word("null");
        return Json();
      default:
        if (peek() == '-' || is_digit(peek())) return Json(integer());
        fail("expected a value, found " + here());
    }
  }

  Json object(int depth) {
    enter(depth);
    Json::Object members;
    skip_white_space();
    if (!take('}')) {
      do {
        skip_white_space();
        if (peek() != '"') fail("expected a member's name in quotes, found " + here());
        std::string name = string();
        skip_white_space();
        if (!take(':')) fail("expected ':' after a member's name, found " + here());
        members.push_back({std::move(name), value(depth + 1)});
        skip_white_space();
      } while (take(','));
      if (!take('}')) fail("expected ',' or '}' in an object, found " + here());
    }
    refuse_duplicates(members);
    return Json(std::move(members));
  }

  Json array(int depth) {
    enter(depth);
    Json::Array elements;
    skip_white_space();
    if (!take(']')) {
      do {
        elements.push_back(value(depth + 1));
        skip_white_space();
      } while (take(','));
      if (!take(']')) fail("expected ',' or ']' in an array, found " + here());
    }
    return Json(std::move(elements));
  }

  void enter(int depth) {
    if (depth >= Json::max_depth) {
      fail("arrays and objects nest deeper than " + std::to_string(Json::max_depth) + " levels");
    }
    ++position_;
  }

  // By sorting, so that no choice of names can make it slow.
  void refuse_duplicates(const Json::Object& members) {
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const Json::Member& member : members) names.push_back(member.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) fail("the object has two members named " + in_quotes(*twice));
  }

  std::int64_t integer() {
    const std::size_t start = position_;
    if (peek() == '-') ++position_;
    if (!is_digit(peek())) fail("expected a digit after '-', found " + here());
    const bool leading_zero = peek() == '0';
    const std::size_t first_digit = position_;
    while (is_digit(peek())) ++position_;
    if (peek() == '.' || peek() == 'e' || peek() == 'E') {
      fail_at(start,
              "found a real number, only integers are read (real numbers belong in tensors)");
    }
    if (leading_zero && position_ - first_digit > 1) {
      fail_at(start, "an integer begins with a needless zero");
    }
    std::int64_t number = 0;
    const auto result = std::from_chars(text_.data() + start, text_.data() + position_, number);
    if (result.ec != std::errc()) fail_at(start, "an integer does not fit in 64 bits");
    return number;
  }

  std::string string() {
    const std::size_t start = position_++;
    std::string out;
    for (;;) {
      const std::size_t run = position_;
      while (position_ < text_.size() && text_[position_] != '"' && text_[position_] != '\\' &&
             static_cast<unsigned char>(text_[position_]) >= 0x20) {
        ++position_;
      }
      out += text_.substr(run, position_ - run);
      if (position_ == text_.size()) fail_at(start, "the string that begins here is not closed");
      if (take('"')) return out;
      if (!take('\\')) fail("a string holds an unescaped control character");
      escape(out);
    }
  }

  void escape(std::string& out) {
    const std::size_t start = position_ - 1;
    const char letter = peek();
    ++position_;
    switch (letter) {
      case '"':
      case '\\':
      case '/':
        out += letter;
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        append_utf8(out, code_point(start));
        return;
      default:
        fail_at(start, "a string holds an unknown escape");
    }
  }

  // After "\u": four digits, or a surrogate pair "d83d\ude00".
  std::uint32_t code_point(std::size_t start) {
    const std::uint32_t first = four_hexadecimal_digits(start);
    if (first < 0xD800 || first > 0xDFFF) return first;
    if (first < 0xDC00 && take('\\') && take('u')) {
      const std::uint32_t second = four_hexadecimal_digits(start);
      if (second >= 0xDC00 && second <= 0xDFFF) {
        return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
      }
    }
    fail_at(start, "a string holds half of a surrogate pair");
  }

  std::uint32_t four_hexadecimal_digits(std::size_t start) {
    const std::string_view digits = text_.substr(position_, 4);
    std::uint32_t number = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    if (digits.size() != 4 || result.ec != std::errc() ||
        result.ptr != digits.data() + digits.size()) {
      fail_at(start, "expected four hexadecimal digits after \\u");
    }
    position_ += 4;
    return number;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | (code >> 6));
      put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | (code >> 12));
      put(0x80 | ((code >> 6) & 0x3F));
      put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3F));
      put(0x80 | ((code >> 6) & 0x3F));
      put(0x80 | (code & 0x3F));
    }
  }

  void expect_word(std::string_view word) {
    if (text_.substr(position_, word.size()) != word) fail("expected a value, found " + here());
    position_ += word.size();
  }

  void skip_white_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++position_;
  }

  static bool is_digit(char character) { return character >= '0' && character <= '9'; }

  // The next character, or a NUL (which begins no token) at the end.
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  bool take(char character) {
    if (position_ >= text_.size() || text_[position_] != character) return false;
    ++position_;
    return true;
  }

  // The text at the position, for an error sentence.
  std::string here() const {
    if (position_ >= text_.size()) return "the end";
    std::size_t length = 1;  // a whole character: its continuation bytes are 10xxxxxx
    while (position_ + length < text_.size() &&
           (static_cast<unsigned char>(text_[position_ + length]) & 0xC0) == 0x80) {
      ++length;
    }
    return in_quotes(text_.substr(position_, length));
  }

  [[noreturn]] void fail(const std::string& complaint) const { fail_at(position_, complaint); }

  [[noreturn]] void fail_at(std::size_t position, const std::string& complaint) const {
    throw FormatError(what_ + ": byte " + std::to_string(position) + ": " + complaint);
  }

  std::string_view text_;
  const std::string& what_;
  std::size_t position_ = 0;
  std::size_t values_ = 0;
};

Json Json::parse(std::string_view text, const std::string& what) {
  return JsonParser(text, what).document();
}

}  // namespace cnnx::io
