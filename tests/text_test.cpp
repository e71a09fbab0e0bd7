#include "cli/text.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace mobilenet::tools;

TEST_CASE("thousands") {
  CHECK(with_separators(0) == "0");
  CHECK(with_separators(999) == "999");
  CHECK(with_separators(1000) == "1,000");
  CHECK(with_separators(1234567) == "1,234,567");
  CHECK(with_separators(UINT64_MAX) == "18,446,744,073,709,551,615");
}

TEST_CASE("what is not UTF-8 is replaced, byte by byte") {
  CHECK(to_utf8("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xbc") == "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xbc");
  const std::string bad = "\xef\xbf\xbd";
  CHECK(to_utf8("a\xff"
                "b") == "a" + bad + "b");
  CHECK(to_utf8("\xc3") == bad);  // cut short
  CHECK(to_utf8("\xe2\x82") == bad + bad);
  CHECK(to_utf8("\xc0\x80") == bad + bad);  // too long for what it says
  CHECK(to_utf8("\xe0\x9f\xbf") == bad + bad + bad);
  CHECK(to_utf8("\xed\xa0\x80") == bad + bad + bad);            // half of a UTF-16 pair
  CHECK(to_utf8("\xf4\x90\x80\x80") == bad + bad + bad + bad);  // past the last character
  CHECK(to_utf8("\x80x") == bad + "x");
}

TEST_CASE("text for one line") {
  CHECK(printable("a\nb\x1b[31m\x7f\t\xc3\xa9") == "a?b?[31m??\xc3\xa9");
  CHECK(printable("csi\xc2\x9b"
                  "31m \x9b \xe9 \xc2\xa0 \xf0\x9f\x90\xbc") == "csi?31m ? \xe9 \xc2\xa0 \xf0\x9f\x90\xbc");
  CHECK(columns("\xc3\xa9\xe2\x82\xac!") == 3);
  CHECK(shortened("abcdef", 6) == "abcdef");
  CHECK(shortened("abcdefg", 6) == "abc...");
  CHECK(shortened("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 4) == "\xc3\xa9...");
  CHECK(shortened("abcdef", 2) == "..");
}
