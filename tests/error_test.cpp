#include <mobilenet/error.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

using mobilenet::errc;
using mobilenet::error;
using mobilenet::result;

namespace {
result<int> half_of(int n) {
  if (n % 2 != 0) return error{errc::invalid_argument, "n is " + std::to_string(n) + ", expected an even number"};
  return n / 2;
}
result<void> check(bool good) {
  if (!good) return error{errc::unsupported, "no"};
  return {};
}
}  // namespace

TEST_CASE("a result is a value or an error") {
  CHECK(half_of(8));
  CHECK(*half_of(8) == 4);
  const auto failed = half_of(7);
  REQUIRE_FALSE(failed);
  CHECK_FALSE(failed.has_value());
  CHECK(failed.error().code == errc::invalid_argument);
  CHECK(failed.error().message == "n is 7, expected an even number");
  CHECK(check(true));
  CHECK(check(false).error().message == "no");
}

TEST_CASE("value() throws the error") {
  CHECK(half_of(8).value() == 4);
  CHECK_NOTHROW(check(true).value());
  CHECK_THROWS_WITH_AS(check(false).value(), "no", mobilenet::exception);
  try {
    (void)half_of(7).value();
    FAIL("not thrown");
  } catch (const mobilenet::exception& e) {
    CHECK(e.code() == errc::invalid_argument);
    CHECK(std::string_view(e.what()) == "n is 7, expected an even number");
  }
}

TEST_CASE("a result holds what can only be moved") {
  result<std::unique_ptr<int>> made = std::make_unique<int>(3);
  CHECK(**made == 3);
  const std::unique_ptr<int> taken = std::move(made).value();
  CHECK(*taken == 3);
  result<std::string> text = std::string("abc");
  CHECK(text->size() == 3);
}

TEST_CASE("every kind of error has a name of its own") {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(errc::backend_failure); ++code)
    names.insert(to_string(static_cast<errc>(code)));
  CHECK(names.size() == static_cast<std::size_t>(errc::backend_failure) + 1);
  CHECK(names.count("unknown") == 0);
  CHECK(to_string(errc::io_error) == "io_error");
  CHECK(to_string(static_cast<errc>(200)) == "unknown");
}

namespace {
enum class weather { rain, snow };
struct delay {
  weather why;
  int minutes;
};
result<int, delay> arrival(int planned, int late) {
  if (late > 0) return delay{weather::snow, late};
  return planned;
}
result<void, delay> departure(int late) {
  if (late > 0) return delay{weather::rain, late};
  return {};
}
}  // namespace

TEST_CASE("an application may use its own error type") {
  CHECK(*arrival(7, 0) == 7);
  REQUIRE_FALSE(arrival(7, 5));
  CHECK(arrival(7, 5).error().minutes == 5);
  CHECK(departure(0));
  CHECK(departure(3).error().why == weather::rain);
}
