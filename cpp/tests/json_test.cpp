// The JSON of model files: valid and invalid texts, error messages, and the text written.
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "check.h"
#include "cnnx/error.h"
#include "io/json.h"
#include "io/json_view.h"
#include "io/text.h"

using cnnx::FormatError;
using cnnx::io::Json;
using cnnx::io::JsonView;

namespace {

Json parse(std::string_view text) { return Json::parse(text, "text"); }

// A text's value, written in the shortest form.
std::string normal(std::string_view text) { return parse(text).dump(); }

std::string string_of(std::string_view text) {
  const Json json = parse(text);
  return JsonView(json, "text").string();
}

std::string repeat(const std::string& text, std::size_t count) {
  std::string out;
  for (std::size_t index = 0; index < count; ++index) out += text;
  return out;
}

void test_values() {
  CHECK_EQUAL(normal(" null\n"), "null");
  CHECK_EQUAL(normal("true"), "true");
  CHECK_EQUAL(normal("\tfalse\r"), "false");
  CHECK_EQUAL(normal("0"), "0");
  CHECK_EQUAL(normal("-0"), "0");
  CHECK_EQUAL(normal("9223372036854775807"), "9223372036854775807");
  CHECK_EQUAL(normal("-9223372036854775808"), "-9223372036854775808");
  CHECK_EQUAL(normal("[ ]"), "[]");
  CHECK_EQUAL(normal("{ }"), "{}");
  CHECK_EQUAL(normal(" [ 1 , [ 2 , \"a\" ] , { } ] "), "[1,[2,\"a\"],{}]");
  CHECK_EQUAL(normal("{ \"z\" : 1 , \"a\" : null }"),
              "{\"z\":1,\"a\":null}");  // in order
}

void test_strings() {
  CHECK_EQUAL(string_of(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  CHECK_EQUAL(string_of(R"("\u0041\u00e9\u20AC")"), "A\xC3\xA9\xE2\x82\xAC");
  CHECK_EQUAL(string_of(R"("\ud83d\ude00")"), "\xF0\x9F\x98\x80");
  CHECK_EQUAL(string_of(R"("\uD800\uDC00\uDBFF\uDFFF")"), "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
  CHECK_EQUAL(string_of("\"\xC3\xA9\""), "\xC3\xA9");
  CHECK_EQUAL(string_of(R"("a\u0000b")"), std::string("a\0b", 3));

  CHECK_EQUAL(Json("a\"\\\n\x01\x1F\x7F\xC3\xA9").dump(),
              "\"a\\\"\\\\\\n\\u0001\\u001f\x7F\xC3\xA9\"");
  std::string every;
  for (int character = 0; character < 128; ++character) every += static_cast<char>(character);
  CHECK_EQUAL(string_of(Json(every).dump()), every);
}

void test_refused_texts() {
  const auto refuse = [](std::string_view text, const char* part) {
    CHECK_THROWS(FormatError, part, parse(text));
  };
  CHECK_THROWS(FormatError,
               "m.cnnx: graph: byte 5: expected ':' after a member's name, found \"}\"",
               Json::parse("{\"a\" }", "m.cnnx: graph"));
  refuse("", "byte 0: expected a value, found the end");
  refuse("  ", "byte 2: expected a value, found the end");
  refuse("nul", "expected a value, found \"n\"");
  refuse("True", "expected a value, found \"T\"");
  refuse("NaN", "expected a value");
  refuse("'a'", "expected a value, found \"'\"");
  refuse("1 2", "byte 2: expected the end of the text, found \"2\"");
  refuse("{}\xC3\xA9", "byte 2: expected the end of the text, found \"\xC3\xA9\"");
  refuse(std::string_view("1\0", 2), "expected the end of the text, found \"\\u0000\"");
  refuse(std::string_view("\0", 1), "expected a value, found \"\\u0000\"");
  refuse("\xEF\xBB\xBF{}", "byte 0: expected a value");  // a byte order mark
  refuse("// c\n1", "expected a value");

  refuse("1.5", "byte 0: found a real number");
  refuse("[1, -2e3]", "byte 4: found a real number");
  refuse("1E5", "found a real number");
  refuse("01", "needless zero");
  refuse("-01", "needless zero");
  refuse("+1", "expected a value");
  refuse("-", "expected a digit after '-', found the end");
  refuse("-a", "expected a digit after '-', found \"a\"");
  refuse("9223372036854775808", "an integer does not fit in 64 bits");
  refuse("-9223372036854775809", "an integer does not fit in 64 bits");
  refuse(std::string(100000, '7'), "an integer does not fit in 64 bits");
  refuse("0x10", "expected the end of the text");

  refuse("[1,]", "expected a value, found \"]\"");
  refuse("[1 2]", "expected ',' or ']' in an array, found \"2\"");
  refuse("[1", "expected ',' or ']' in an array, found the end");
  refuse("{\"a\":1,}", "expected a member's name in quotes, found \"}\"");
  refuse("{a:1}", "expected a member's name in quotes, found \"a\"");
  refuse("{\"a\":1 \"b\":2}", "expected ',' or '}' in an object");
  refuse("{\"a\":1", "expected ',' or '}' in an object, found the end");
  refuse("{\"a\":1,\"b\":2,\"a\":3}", "two members named \"a\"");
  refuse("{\"a\":1,\"\\u0061\":2}", "two members named \"a\"");

  refuse("\"abc", "byte 0: the string that begins here is not closed");
  refuse("\"abc\\", "unknown escape");
  refuse("\"abc\\\"", "not closed");
  refuse("\"a\nb\"", "byte 2: a string holds an unescaped control character");
  refuse(R"("\x41")", "unknown escape");
  refuse(R"("\u12")", "four hexadecimal digits");
  refuse(R"("\u12G4")", "four hexadecimal digits");
  refuse(R"("\u-123")", "four hexadecimal digits");
  refuse(R"("\u+123")", "four hexadecimal digits");
  refuse("\"\\u12", "four hexadecimal digits");
  refuse(R"("\ud800")", "half of a surrogate pair");
  refuse(R"("\udc00")", "half of a surrogate pair");
  refuse(R"("\ud800\ud800")", "half of a surrogate pair");
  refuse(R"("\ud800\n")", "half of a surrogate pair");
  refuse(R"("\ud800\u0041")", "half of a surrogate pair");
  refuse("\"\\ud800", "half of a surrogate pair");
}

void test_utf8() {
  const std::vector<std::string> malformed = {
      "\x80",              // a continuation byte alone
      "\xBF",              //
      "\xC0\x80",          // overlong NUL
      "\xC1\xBF",          // overlong ASCII
      "\xC3",              // ends early
      "\xC3(",             //
      "\xE0\x9F\xBF",      // overlong
      "\xED\xA0\x80",      // a surrogate
      "\xED\xBF\xBF",      //
      "\xE2\x82",          // ends early
      "\xF0\x8F\xBF\xBF",  // overlong
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xF5\x80\x80\x80",  //
      "\xFE",              //
      "\xFF",              //
      "\xF0\x9F\x98",      // ends early
  };
  for (const std::string& bytes : malformed) {
    CHECK_THROWS(FormatError, "byte 2: the text is not valid UTF-8", parse("\"a" + bytes + "\""));
    CHECK_THROWS(std::invalid_argument, "is not valid UTF-8", Json("a" + bytes).dump());
  }
  for (const std::string bytes :
       {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK_EQUAL(string_of("\"" + bytes + "\""), bytes);
  }
}

void test_limits() {
  CHECK_EQUAL(normal(repeat("[", 32) + repeat("]", 32)), repeat("[", 32) + repeat("]", 32));
  CHECK_THROWS(FormatError, "byte 32: arrays and objects nest deeper than 32 levels",
               parse(repeat("[", 33) + repeat("]", 33)));
  CHECK_THROWS(FormatError, "nest deeper", parse(repeat("{\"a\":", 1000000)));
  Json nested = Json::array();
  for (int level = 1; level < 32; ++level) {
    Json outer = Json::array();
    outer.append(nested);
    nested = outer;
  }
  CHECK_EQUAL(nested.dump(), repeat("[", 32) + repeat("]", 32));
  Json deeper = Json::array();
  deeper.append(nested);
  CHECK_THROWS(std::invalid_argument, "at most 32 levels", deeper.dump());

  const std::string most = "[0" + repeat(",0", Json::max_values - 2) + "]";
  CHECK_EQUAL(normal(most), most);
  CHECK_THROWS(FormatError, "more than 131072 values", parse("[0," + most.substr(1)));
  CHECK_THROWS(std::invalid_argument, "at most 131072 values",
               Json::array(std::vector<std::int64_t>(Json::max_values, 0)).dump());
}

void test_building() {
  Json json = Json::object();
  json.set("yes", true);
  json.set("count", 3);
  json.set("size", std::int64_t{1} << 40);
  json.set("name", "conv2d");
  json.set("pair", Json::array(std::vector<std::int64_t>{3, 5}));
  json.set("labels", Json::array(std::vector<std::string>{"X", "O"}));
  json.set("nothing", Json());
  CHECK_EQUAL(json.dump(),
              "{\"yes\":true,\"count\":3,\"size\":1099511627776,\"name\":\"conv2d\","
              "\"pair\":[3,5],\"labels\":[\"X\",\"O\"],\"nothing\":null}");
  CHECK_THROWS(std::invalid_argument, "the member \"yes\" is set twice", json.set("yes", 1));
  CHECK(json.find("count") != nullptr);
  CHECK(json.find("cou") == nullptr);
  CHECK(Json(1).find("count") == nullptr);
}

void test_view() {
  const Json json = parse(
      R"({"nodes": [{"kind": "conv2d", "kernel_size": [3, 5], "bias": true},
                    {"kind": "dense", "kernel_size": "three", "a b\n": 1, "x": null}],
          "labels": ["X", "O", 7], "limit": 5})");
  const JsonView graph(json, "m.cnnx: graph");
  const std::vector<JsonView> nodes = graph.at("nodes").elements();
  CHECK_EQUAL(nodes.size(), 2u);
  CHECK_EQUAL(nodes[0].at("kind").string(), "conv2d");
  CHECK_EQUAL(nodes[0].at("bias").boolean(), true);
  CHECK(nodes[0].at("kernel_size").integers(2) == (std::vector<std::int64_t>{3, 5}));
  CHECK(nodes[0].at("kernel_size").integers() == (std::vector<std::int64_t>{3, 5}));
  CHECK_EQUAL(graph.at("limit").integer(), 5);
  CHECK_EQUAL(graph.at("limit").integer(5, 5), 5);
  CHECK(!graph.find("absent").has_value());
  CHECK(nodes[1].at("x").is_null());
  CHECK(nodes[0].at("bias").is_boolean());
  CHECK(nodes[0].at("kind").is_string() && graph.at("limit").is_integer());
  std::string paths;
  graph.for_each_member([&](const std::string& name, const JsonView& member) {
    paths += name + " at " + member.path() + "; ";
  });
  CHECK_EQUAL(paths,
              "nodes at m.cnnx: graph.nodes; labels at m.cnnx: graph.labels; "
              "limit at m.cnnx: graph.limit; ");
  nodes[0].allow_only({"kind", "kernel_size", "bias"});

  CHECK_THROWS(
      FormatError,
      "m.cnnx: graph.nodes[1].kernel_size: expected an array of 2 integers, found a string",
      nodes[1].at("kernel_size").integers(2));
  CHECK_THROWS(FormatError, "expected an array of 3 integers, found an array of 2",
               nodes[0].at("kernel_size").integers(3));
  CHECK_THROWS(FormatError, "graph.labels[2]: expected a string, found the integer 7",
               graph.at("labels").strings());
  CHECK_THROWS(FormatError, "graph.labels[0]: expected an integer, found a string",
               graph.at("labels").integers());
  CHECK_THROWS(FormatError, "graph.labels: expected an array of 2, found an array of 3",
               graph.at("labels").elements(2));
  CHECK_THROWS(FormatError, "graph.limit: expected an array, found the integer 5",
               graph.at("limit").elements());
  CHECK_THROWS(FormatError, "graph.limit: expected an integer from 6 to 9, found the integer 5",
               graph.at("limit").integer(6, 9));
  CHECK_THROWS(FormatError, "expected an integer of at least 6, found the integer 5",
               graph.at("limit").integer(6));
  CHECK_THROWS(FormatError, "expected an integer of at most 4, found the integer 5",
               graph.at("limit").integer(std::numeric_limits<std::int64_t>::min(), 4));
  CHECK_THROWS(FormatError, "graph.nodes[0]: expected a member \"groups\", which is missing",
               nodes[0].at("groups"));
  CHECK_THROWS(FormatError, "graph.nodes: expected an object, found an array of 2",
               graph.at("nodes").find("a"));
  CHECK_THROWS(FormatError, "graph.limit: expected true or false, found the integer 5",
               graph.at("limit").boolean());
  CHECK_THROWS(FormatError,
               "graph.nodes[1][\"a b\\u000a\"]: expected a string, found the integer 1",
               nodes[1].at("a b\n").string());
  CHECK_THROWS(FormatError, "graph.nodes[1].x: expected a string, found null",
               nodes[1].at("x").string());
  CHECK_THROWS(FormatError,
               "graph.nodes[0]: has an unknown member \"bias\", expected only kind, kernel_size",
               nodes[0].allow_only({"kind", "kernel_size"}));
}

void test_printing() {
  using cnnx::io::in_quotes;
  CHECK_EQUAL(in_quotes("conv2d_1.weight"), "\"conv2d_1.weight\"");
  CHECK_EQUAL(in_quotes("\x1B[31m\xC2\x9B\x7F"), "\"\\u001b[31m\\u009b\\u007f\"");
  CHECK_EQUAL(in_quotes("a\xFF"), "\"a\\xff\"");
  CHECK_EQUAL(in_quotes(repeat("a", 80)), "\"" + repeat("a", 80) + "\"");
  CHECK_EQUAL(in_quotes(repeat("a", 81)), "\"" + repeat("a", 80) + "...\"");
  CHECK_EQUAL(in_quotes(repeat("a", 79) + "\xC3\xA9"), "\"" + repeat("a", 79) + "...\"");
  CHECK_EQUAL(cnnx::io::in_one_line("layer \"a\nb\" is unknown"), "layer \"a\\u000ab\" is unknown");
  CHECK_EQUAL(cnnx::io::in_one_line(repeat("k", 401)), repeat("k", 400) + "...");
  CHECK_EQUAL(cnnx::io::printable("out/m.cnnx"), "out/m.cnnx");
  const std::string no_utf8 = "out/\xFF\n";
#if defined(_WIN32)
  CHECK_THROWS(std::system_error, "cannot read \"out/\\xff\\u000a\", expected a path in UTF-8",
               cnnx::io::path_of(no_utf8, "cannot read"));
#else
  CHECK_EQUAL(cnnx::io::printable(cnnx::io::path_of(no_utf8, "cannot read")), "out/\\xff\\u000a");
#endif
}

// Every prefix and every flipped bit of a small document is read or refused.
void test_damage() {
  const std::string text = R"({"a\u00e9":[1,-20,true,null,{"b":"\ud83d\ude00 )"
                           "\xC3\xA9"
                           R"("}],"c":""})";
  parse(text);
  for (std::size_t length = 0; length < text.size(); ++length) {
    // A copy of exactly this size, so that a sanitizer detects reads beyond it.
    const std::vector<char> prefix(text.begin(),
                                   text.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_THROWS(FormatError, "text: byte ", parse(std::string_view(prefix.data(), length)));
  }
  int read = 0;
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    try {
      const std::string again = normal(damaged);
      CHECK_EQUAL(normal(again), again);
      ++read;
    } catch (const FormatError&) {
    }
  }
  CHECK(read > 0);
}

}  // namespace

int json_test(int, char*[]) {
  test_values();
  test_strings();
  test_refused_texts();
  test_utf8();
  test_limits();
  test_building();
  test_view();
  test_printing();
  test_damage();
  return cnnx::test::finish("json_test");
}
