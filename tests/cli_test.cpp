// The program itself, as users and scripts run it.
#include "support/files.hpp"
#include "support/hand_made_images.hpp"
#include "support/program.hpp"
#include "support/tiny_images.hpp"
#include "support/unpacked_models.hpp"

#include "cli/built_in_backends.hpp"
#include "pack/packed_model_writer.hpp"

#include <mobilenet/model/packed_model.hpp>

#include <mobilenet/model/crc32c.hpp>
#include <mobilenet/version.hpp>

#include <doctest/doctest.h>

#include <rapidjson/document.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using mobilenet::tools::unpacked_model;
using support::finished_program;
using support::temporary_folder;
using bytes = std::vector<std::byte>;

finished_program mobilenet_program(std::vector<std::string> arguments, const support::program_input& input = {}) {
  arguments.insert(arguments.begin(), MOBILENET_PROGRAM);
  return support::run_program(arguments, input);
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Says "red", "green" or "blue": a pooling, then a dense layer that knows no mercy. The picture of tiny_images is
// reddest on the left, and bluest in the mean.
unpacked_model colour_model() {
  unpacked_model m;
  m.layers = {
      {mobilenet::layers::global_average_pool{{8, 8, 3}}, {}, {}, "pool", 0},
      {mobilenet::layers::dense{{1, 1, 3}, 3, {}}, {20, 0, 0, 0, 20, 0, 0, 0, 20}, {0, 0, 0}, "preds", 0},
      {mobilenet::layers::softmax{{1, 1, 3}}, {}, {}, "softmax", 0},
  };
  m.labels = {"red", "green \"leaf\"", "blue"};
  m.provenance = "made by a test";
  return mobilenet::test::chained(std::move(m));
}

// A folder with that model and some images.
class workplace {
 public:
  workplace() {
    write("model.mnet", mobilenet::tools::write_packed_model(colour_model()).value());
    write("a.png", std::as_bytes(std::span(tiny_images::png_deflated)));
    write("b.jpg", std::as_bytes(std::span(tiny_images::jpeg_baseline)));
    write("cut.jpg", std::as_bytes(std::span(tiny_images::jpeg_baseline)).first(400));
    write("empty.jpg", {});
    support::write_file(folder_ / "text.jpg", "this is no picture");
  }
  void write(const std::string& name, std::span<const std::byte> contents) const {
    support::write_file(folder_ / name, contents);
  }
  std::string operator/(std::string_view name) const { return folder_ / name; }
  const std::string& path() const { return folder_.path(); }
  std::string model() const { return folder_ / "model.mnet"; }

 private:
  temporary_folder folder_;
};

std::vector<rapidjson::Document> json_lines(const std::string& text) {
  std::vector<rapidjson::Document> documents;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    documents.emplace_back();
    documents.back().Parse<rapidjson::kParseValidateEncodingFlag>(text.data() + at, end - at);
    REQUIRE_FALSE_MESSAGE(documents.back().HasParseError(), text.substr(at, end - at));
    at = end + 1;
  }
  return documents;
}

std::string version() {
  return std::to_string(MOBILENET_VERSION_MAJOR) + "." + std::to_string(MOBILENET_VERSION_MINOR) + "." +
         std::to_string(MOBILENET_VERSION_PATCH);
}

}  // namespace

TEST_CASE("--help explains the program and each command, with an example") {
  const auto help = mobilenet_program({"--help"});
  CHECK(help.status == 0);
  CHECK(help.err.empty());
  for (const char* command : {"convert", "classify", "inspect", "embed"}) {
    CHECK(contains(help.out, command));
    const auto explained = mobilenet_program({command, "--help"});
    CHECK(explained.status == 0);
    CHECK(contains(explained.out, "Example"));
    CHECK(contains(explained.out, std::string("  mobilenet ") + command + " "));
  }
}

TEST_CASE("--version is that of the library") {
  const auto shown = mobilenet_program({"--version"});
  CHECK(shown.status == 0);
  CHECK(shown.out == "mobilenet " + version() + "\n");
}

TEST_CASE("a command line that is wrong: exit status 2, what is wrong and how to get help") {
  const std::vector<std::vector<std::string>> wrong = {
      {"frobnicate"},
      {"--frobnicate"},
      {""},
      {"classify"},
      {"classify", "m.mnet"},
      {"classify", "m.mnet", "a.png", "--frobnicate"},
      {"classify", "m.mnet", "a.png", "--top", "0"},
      {"classify", "m.mnet", "a.png", "--top", "-1"},
      {"classify", "m.mnet", "a.png", "--top", "many"},
      {"classify", "m.mnet", "a.png", "--threads", "0"},
      {"classify", "m.mnet", "a.png", "--threads", "257"},
      {"classify", "m.mnet", "a.png", "--threads", "99999999999999999999999"},
      {"classify", "m.mnet", "a.png", "--threads", "two"},
      {"classify", "m.mnet", "a.png", "--threads", ""},
      {"classify", "m.mnet", "a.png", "--backend", "abacus"},
      {"inspect"},
      {"inspect", "a.mnet", "b.mnet"},
      {"convert", "folder"},
      {"convert", "-o", "m.mnet"},
      {"convert", "folder", "-o", "m.mnet", "--input-range", "1"},
      {"convert", "folder", "-o", "m.mnet", "--input-range", "1,1"},
      {"convert", "folder", "-o", "m.mnet", "--input-range", "2,1"},
      {"convert", "folder", "-o", "m.mnet", "--input-range", "0,inf"},
      {"convert", "folder", "-o", "m.mnet", "--input-range", "0,1x"},
      {"convert", "folder", "-o", "m.mnet", "--weights", "f8"},
      {"convert", "folder", "-o", "m.mnet", "--resize", "bicubic"},
      {"convert", "folder", "-o", "m.mnet", "--crop", "left"},
      {"convert", "folder", "-o", "m.mnet", "--grey", "green"},
      {"convert", "folder", "-o", "m.mnet", "--like", "resnet"},
      {"convert", "folder", "-o", "m.mnet", "--output-kind", "boxes"},
      {"convert", "folder", "-o", "m.mnet", "--input-size", "0"},
      {"convert", "folder", "-o", "m.mnet", "--input-size", "2049"},
      {"convert", "folder", "--output", "m.mnet"},
  };
  for (const auto& arguments : wrong) {
    std::string shown;
    for (const std::string& argument : arguments) shown += argument + " ";
    CAPTURE(shown);
    const auto run = mobilenet_program(arguments);
    CHECK(run.status == 2);
    CHECK(run.out.empty());
    CHECK(run.err.rfind("mobilenet: ", 0) == 0);
    CHECK(contains(run.err, "--help\n"));
    CHECK(lines(run.err) == 2);
  }
  CHECK(contains(mobilenet_program({"-v"}).err, "found the command \"-v\", expected convert"));
  CHECK(mobilenet_program({"classify", "m.mnet", "-", "--from", "-"}).err ==
        "mobilenet: --from: standard input cannot be both an image and the list of images\nTry: mobilenet classify "
        "--help\n");
  CHECK(mobilenet_program({"frobnicate"}).err ==
        "mobilenet: found the command \"frobnicate\", expected convert, classify, embed or inspect\nTry: mobilenet "
        "--help\n");
  const auto nothing = mobilenet_program({});
  CHECK(nothing.status == 2);
  CHECK(nothing.out.empty());
  CHECK(contains(nothing.err, "classify"));
}

TEST_CASE("classify shows the classes of each image, most probable first") {
  const workplace here;
  const auto run = mobilenet_program({"classify", here.model(), here / "a.png", here / "b.jpg"});
  CHECK(run.status == 0);
  CHECK(run.err.empty());
  CHECK(lines(run.out) == 8);
  CHECK(run.out.rfind(here / "a.png\n", 0) == 0);
  CHECK(contains(run.out, " %      0  red\n"));
  const auto one = mobilenet_program({"classify", here.model(), here / "a.png", "--top", "1"});
  CHECK(lines(one.out) == 2);
  const auto all = mobilenet_program({"classify", "--top", "1000", here.model(), here / "a.png"});
  CHECK(lines(all.out) == 4);
}

TEST_CASE("--json gives one object a line") {
  const workplace here;
  const auto run =
      mobilenet_program({"classify", here.model(), "--json", here / "a.png", here / "b.jpg", "--top", "2"});
  CHECK(run.status == 0);
  CHECK(run.err.empty());
  const auto objects = json_lines(run.out);
  REQUIRE(objects.size() == 2);
  CHECK(objects[0]["image"].GetString() == here / "a.png");
  CHECK(objects[1]["image"].GetString() == here / "b.jpg");
  for (const auto& object : objects) {
    CHECK(object.MemberCount() == 3);
    const auto& results = object["results"];
    REQUIRE(results.Size() == 2);
    CHECK(results[0].MemberCount() == 3);
    CHECK(results[0]["classIndex"].GetUint() < 3);
    CHECK(results[0]["className"].IsString());
    CHECK(results[0]["probability"].GetDouble() >= results[1]["probability"].GetDouble());
    for (const char* step : {"decode", "preprocess", "classify"}) CHECK(object["timings"][step].GetDouble() >= 0.0);
    CHECK(object["timings"].MemberCount() == 3);
  }
}

TEST_CASE("an image that cannot be read is reported, and the others are classified") {
  const workplace here;
  const std::vector<std::string> bad = {here / "none.jpg", here.path(), here / "empty.jpg", here / "cut.jpg",
                                        here / "text.jpg"};
  const std::vector<std::string> reasons = {
      "cannot open: No such file or directory", "is a folder, expected a file", "the file is empty",
      "truncated: the file ends before the pixels do",
      "unsupported format: it begins with 74 68 69 73 20 69 73 20, expected JPEG, PNG or BMP"};
  std::vector<std::string> arguments{"classify", here.model(), here / "a.png"};
  arguments.insert(arguments.end(), bad.begin(), bad.end());
  arguments.push_back(here / "b.jpg");
  std::string expected;
  for (std::size_t i = 0; i < bad.size(); ++i) expected += "mobilenet: " + bad[i] + ": " + reasons[i] + "\n";

  const auto text = mobilenet_program(arguments);
  CHECK(text.status == 1);
  CHECK(text.err == expected);
  CHECK(lines(text.out) == 8);

  arguments.push_back("--json");
  const auto json = mobilenet_program(arguments);
  CHECK(json.status == 1);
  CHECK(json.err == expected);
  const auto objects = json_lines(json.out);
  REQUIRE(objects.size() == bad.size() + 2);
  CHECK(objects.front().HasMember("results"));
  CHECK(objects.back().HasMember("results"));
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CHECK(objects[i + 1].MemberCount() == 2);
    CHECK(objects[i + 1]["image"].GetString() == bad[i]);
    CHECK(objects[i + 1]["error"].GetString() == reasons[i]);
  }
}

TEST_CASE("file names may hold any byte: JSON stays JSON, and an error stays one line") {
  const workplace here;
  const std::string odd[] = {"new\nline.png",    "quote\".png",          "back\\slash.png",
                             "latin\xe9.png",    "\xf0\x9f\x90\xbc.png", "\xed\xa0\x80 \xc0\x80 \xf5.png",
                             "tab\t\x1b[31m.png"};
  std::vector<std::string> arguments{"classify", here.model(), "--json"};
  for (const std::string& name : odd) {
    here.write(name, std::as_bytes(std::span(tiny_images::png_deflated)));
    arguments.push_back(here / name);
  }
  arguments.push_back(here / "no\nfile\x1b");
  const auto run = mobilenet_program(arguments);
  CHECK(run.status == 1);
  const auto objects = json_lines(run.out);
  REQUIRE(objects.size() == std::size(odd) + 1);
  CHECK(objects[0]["image"].GetString() == here / odd[0]);
  CHECK(objects[3]["image"].GetString() == here / "latin\xef\xbf\xbd.png");
  CHECK(objects[4]["image"].GetString() == here / odd[4]);
  for (std::size_t i = 0; i < std::size(odd); ++i) CHECK(objects[i].HasMember("results"));
  CHECK(run.err == "mobilenet: " + (here / "no?file?") + ": cannot open: No such file or directory\n");
}

TEST_CASE("- is standard input") {
  const workplace here;
  const auto given = support::read_file(here / "b.jpg");
  const auto run = mobilenet_program({"classify", here.model(), "-", "--json"}, {.standard_input = given});
  CHECK(run.status == 0);
  const auto objects = json_lines(run.out);
  REQUIRE(objects.size() == 1);
  CHECK(std::string_view(objects[0]["image"].GetString()) == "-");
  CHECK(objects[0].HasMember("results"));

  const auto nothing = mobilenet_program({"classify", here.model(), "-"});
  CHECK(nothing.status == 1);
  CHECK(nothing.err == "mobilenet: -: the file is empty\n");
  const auto twice = mobilenet_program({"classify", here.model(), "-", "-"}, {.standard_input = given});
  CHECK(twice.status == 1);
  CHECK(twice.err == "mobilenet: -: the file is empty\n");
}

TEST_CASE("a list of images, from a file and from standard input, after those of the command line") {
  const workplace here;
  const std::string expected = mobilenet_program({"classify", here.model(), here / "a.png", here / "b.jpg"}).out;
  const auto list = [&](std::string text) {
    const auto raw = std::as_bytes(std::span(text));
    return bytes(raw.begin(), raw.end());
  };
  const bytes lines_of_both = list(here / "a.png" + "\n\n" + (here / "b.jpg"));  // the last line needs no end
  here.write("list", lines_of_both);
  CHECK(mobilenet_program(
            {"classify", here.model(), "--from", "-"},
            {.standard_input = list("\xef\xbb\xbf" + (here / "a.png") + "\r\n" + (here / "b.jpg") + "\r\n")})
            .out == expected);
  CHECK(mobilenet_program({"classify", here.model(), "--from", here / "list"}).out == expected);
  CHECK(mobilenet_program({"classify", here.model(), "--from", "-"}, {.standard_input = lines_of_both}).out ==
        expected);
  CHECK(mobilenet_program({"classify", here.model(), here / "a.png", "--from", "-"},
                          {.standard_input = list(here / "b.jpg" + "\n")})
            .out == expected);

  here.write("new\nline.png", std::as_bytes(std::span(tiny_images::png_deflated)));
  const auto odd = mobilenet_program({"classify", here.model(), "--json", "--from", "-", "--null"},
                                     {.standard_input = list(here / "new\nline.png" + std::string(1, '\0'))});
  CHECK(odd.status == 0);
  CHECK(std::string_view(json_lines(odd.out).at(0)["image"].GetString()) == here / "new\nline.png");

  const auto empty = mobilenet_program({"classify", here.model(), "--from", "-"});
  CHECK(empty.status == 0);
  CHECK(empty.out.empty());
  CHECK(empty.err.empty());
}

TEST_CASE("a list that is wrong is named") {
  const workplace here;
  const auto fails = [&](const std::vector<std::string>& arguments, const std::string& text,
                         const std::string& reason) {
    std::vector<std::string> all{"classify", here.model()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto raw = std::as_bytes(std::span(text));
    const auto run = mobilenet_program(all, {.standard_input = bytes(raw.begin(), raw.end())});
    CHECK(run.status == 1);
    CHECK(run.err == "mobilenet: " + reason + "\n");
  };
  fails({"--from", here / "none"}, "", (here / "none") + ": cannot open: No such file or directory");
  fails({"--from", here.path()}, "", here.path() + ": cannot read: Is a directory");
  fails({"--from", "-"}, "\n-\n", "standard input: line 2 is \"-\", expected a path");
  fails({"--from", "-"}, std::string(100'000, 'x'),
        "standard input: line 1 has more than 65536 bytes, expected a path");
  fails({"--from", "-"}, here / "a.png" + std::string(1, '\0') + (here / "b.jpg") + std::string(1, '\0'),
        "standard input: line 1 has a NUL byte, expected a path (--null reads what find -print0 writes)");

  // The images before the line that is wrong are classified, however the list comes.
  const std::string text = (here / "a.png") + "\n-\n";
  const auto raw = std::as_bytes(std::span(text));
  const auto run = mobilenet_program({"classify", here.model(), "--json", "--from", "-"},
                                     {.standard_input = bytes(raw.begin(), raw.end())});
  CHECK(run.status == 1);
  CHECK(json_lines(run.out).size() == 1);
  CHECK(run.err == "mobilenet: standard input: line 2 is \"-\", expected a path\n");
  CHECK(mobilenet_program({"classify", here.model(), here / "a.png", "-0"}).status == 2);
}

TEST_CASE("many images on any number of threads: their answers in their order, and the errors of the bad ones") {
  const workplace here;
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) {
    names.push_back("image" + std::to_string(i));
    const bool bad = i % 7 == 3;
    here.write(names.back(), bad ? std::span<const std::byte>() : std::as_bytes(std::span(tiny_images::png_deflated)));
  }
  std::string list;
  for (const std::string& name : names) list += (here / name) + "\n";
  here.write("list", std::as_bytes(std::span(list)));
  for (const char* threads : {"1", "3", "auto"})
    for (const char* command : {"classify", "embed"}) {
      const auto run =
          mobilenet_program({command, here.model(), "--json", "--from", here / "list", "--threads", threads});
      CHECK(run.status == 1);
      CHECK(lines(run.err) == 43);
      const auto objects = json_lines(run.out);
      REQUIRE(objects.size() == names.size());
      for (std::size_t i = 0; i < names.size(); ++i) {
        CHECK(objects[i]["image"].GetString() == here / names[i]);
        CHECK(objects[i].HasMember("error") == (i % 7 == 3));
      }
    }
}

TEST_CASE("turbojpeg is the default decoder for JPEG, and leaves what it does not read to stb") {
#if MOBILENET_WITH_DECODE_TURBOJPEG
  const workplace here;
  here.write("arithmetic.jpg", std::as_bytes(std::span(tiny_images::jpeg_arithmetic)));
  here.write("odd.jpg", std::as_bytes(std::span(tiny_images::jpeg_odd_sampling)));  // no name in TurboJPEG for it
  std::vector<std::string> arguments{"classify", here.model(), here / "arithmetic.jpg", here / "a.png"};
  const auto by_default = mobilenet_program(arguments);
  CHECK(by_default.status == 0);
  CHECK(by_default.err.empty());
  CHECK(lines(by_default.out) == 8);
  arguments.insert(arguments.end(), {"--decoder", "stb"});
  const auto by_stb = mobilenet_program(arguments);
  CHECK(by_stb.status == 1);
  CHECK(contains(by_stb.err, "arithmetic coding"));
  CHECK(mobilenet_program({"classify", here.model(), here / "odd.jpg"}).status == 0);
  arguments.back() = "turbojpeg";
  CHECK(mobilenet_program(arguments).out == by_default.out);
  arguments.back() = "abacus";
  CHECK(mobilenet_program(arguments).status == 2);
#else
  MESSAGE("skipped: built without libturbojpeg");
#endif
}

TEST_CASE("--lenient: bad images are reported, and the exit status is 0; a bad model still fails") {
  const workplace here;
  for (const char* command : {"classify", "embed"}) {
    const std::string bad = here / "empty.jpg";
    CHECK(mobilenet_program({command, here.model(), bad}).status == 1);
    const auto run = mobilenet_program({command, here.model(), bad, "--json", "--lenient"});
    CHECK(run.status == 0);
    CHECK(run.err == "mobilenet: " + bad + ": the file is empty\n");
    CHECK(json_lines(run.out).at(0).HasMember("error"));
    CHECK(mobilenet_program({command, here / "none.mnet", here / "a.png", "--lenient"}).status == 1);
  }
}

TEST_CASE("who writes a path into the list and waits gets the answer") {
  const workplace here;
  // The shell writes the second path after it has read the first answer.
  const std::string script =
      "mkfifo answers; exec 3<>answers\n"
      "{ echo '" +
      (here / "a.png") + "'; read -r first <&3; echo \"$first\" > first; echo '" + (here / "b.jpg") + "'; } | " +
      MOBILENET_PROGRAM + " classify '" + here.model() +
      "' --json --from - | while read -r line; do echo \"$line\" > answers; done\n";
  const auto run = support::run_program({"/usr/bin/env", "-C", here.path(), "timeout", "20", "bash", "-c", script});
  CHECK(run.status == 0);
  CHECK(run.err.empty());
  const auto first = support::read_file(here / "first");
  CHECK(contains({reinterpret_cast<const char*>(first.data()), first.size()}, "a.png"));
}

TEST_CASE("every back end of the program can be chosen, with any number of threads") {
  const workplace here;
  const auto expected = mobilenet_program({"classify", here.model(), here / "b.jpg"});
  for (const std::string& backend : mobilenet::tools::backend_names())
    for (const char* threads : {"1", "3", "auto"}) {
      CAPTURE(backend);
      const auto run =
          mobilenet_program({"classify", here.model(), here / "b.jpg", "--backend", backend, "--threads", threads});
      CHECK(run.status == 0);
      CHECK(run.out == expected.out);
    }
}

TEST_CASE("a model that cannot be used is named") {
  const workplace here;
  for (const char* command : {"classify", "inspect"}) {
    const auto fails = [&](const std::string& model, const std::string& reason) {
      std::vector<std::string> arguments{command, model};
      if (command == std::string_view("classify")) arguments.push_back(here / "a.png");
      const auto run = mobilenet_program(arguments);
      CHECK(run.status == 1);
      CHECK(run.out.empty());
      CHECK(run.err == "mobilenet: " + model + ": " + reason + "\n");
    };
    fails(here / "none.mnet", "cannot open: No such file or directory");
    fails(here.path(), "this is a folder, expected a packed model");
    fails(here / "empty.jpg", "the file is empty");
    fails(here / "a.png", "not a packed model: the first bytes are not those of an .mnet file");
    const auto whole = support::read_file(here.model());
    here.write("cut.mnet", std::span(whole).first(whole.size() - 1));
    fails(here / "cut.mnet", "file length is " + std::to_string(whole.size() - 1) + ", expected " +
                                 std::to_string(whole.size()) + " as the header says (truncated?)");
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need more room than this leaves
TEST_CASE("no memory is an error, not a crash") {
  const workplace here;
  std::string json = "{\"a\":[";
  for (int i = 0; i < 5'000'000; ++i) json += "1,";
  json += "1]}";
  here.write("model.json", std::as_bytes(std::span(json)));
  const auto run = support::run_program({"/bin/sh", "-c",
                                         "ulimit -v 150000; exec " MOBILENET_PROGRAM " convert '" +
                                             (here / "model.json") + "' -o '" + (here / "out.mnet") + "'"});
  CHECK(run.status == 1);
  CHECK(run.err == "mobilenet: out of memory\n");
  CHECK_FALSE(std::filesystem::exists(here / "out.mnet"));
}

TEST_CASE("an image that there is no memory for has its line, or its row, like any other that cannot be read") {
  const workplace here;
  here.write("large.jpg", bytes(1));
  std::filesystem::resize_file(here / "large.jpg", 500u << 20);  // sparse
  const auto with_little_memory = [&](const std::string& arguments) {
    return support::run_program({"/bin/sh", "-c",
                                 "ulimit -v 300000; exec " MOBILENET_PROGRAM " " + arguments + " --lenient '" +
                                     (here / "large.jpg") + "' '" + (here / "a.png") + "'"});
  };
  const auto lines_of = with_little_memory("classify --json '" + here.model() + "'");
  CHECK(lines_of.status == 0);
  CHECK(lines_of.err == "mobilenet: " + (here / "large.jpg") + ": no memory for this image\n");
  const auto answers = json_lines(lines_of.out);
  REQUIRE(answers.size() == 2);
  CHECK(std::string_view(answers[0]["error"].GetString()) == "no memory for this image");
  CHECK(answers[1].HasMember("results"));
  const auto rows = with_little_memory("embed --npy '" + here.model() + "'");
  CHECK(rows.status == 0);
  CHECK(contains(rows.out, "'shape': (2, "));
  const std::size_t row = (rows.out.size() - 128) / 2;
  CHECK(rows.out.size() == 128 + 2 * row);
  CHECK(row % sizeof(float) == 0);
}
#endif

TEST_CASE("a model without classes says so") {
  const workplace here;
  unpacked_model features = colour_model();
  features.layers.resize(1);
  features.labels.clear();
  features.output = mobilenet::output_kind::features;
  here.write("features.mnet", mobilenet::tools::write_packed_model(features).value());
  const auto run = mobilenet_program({"classify", here / "features.mnet", here / "a.png"});
  CHECK(run.status == 1);
  CHECK(run.err ==
        "mobilenet: " + (here / "features.mnet") +
            ": the model has no classes: it computes 1x1x3 features (mobilenet embed --layer pool prints them)\n");
  const auto shown = mobilenet_program({"inspect", here / "features.mnet"});
  CHECK(shown.status == 0);
  CHECK(contains(shown.out, "1x1x3 features\n"));
}

TEST_CASE("output that cannot be written is an error") {
  const workplace here;
  const auto run = mobilenet_program({"classify", here.model(), here / "a.png"}, {.stdout_to = "/dev/full"});
  CHECK(run.status == 1);
  CHECK(run.err == "mobilenet: standard output: cannot write: No space left on device\n");
  CHECK(mobilenet_program({"inspect", here.model()}, {.stdout_to = "/dev/full"}).status == 1);
  CHECK(mobilenet_program({"--help"}, {.stdout_to = "/dev/full"}).status == 1);
  const auto late = mobilenet_program({"classify", here.model(), here / "a.png", here / "none.png", here.path()},
                                      {.stdout_to = "/dev/full"});
  CHECK(contains(late.err, "mobilenet: standard output: cannot write: No space left on device\n"));
}

TEST_CASE("many images on a terminal get a progress bar, few images and files do not") {
  const workplace here;
  std::vector<std::string> arguments{"classify", here.model()};
  for (int i = 0; i < 25; ++i) arguments.push_back(here / "a.png");
  const auto terminal = mobilenet_program(arguments, {.terminal_as_stderr = true});
  CHECK(terminal.status == 0);
  CHECK(contains(terminal.err, "0/25"));
  CHECK(lines(terminal.out) == 100);
  CHECK(terminal.err.ends_with("\r\x1b[K"));  // and leaves no trace
  CHECK(mobilenet_program(arguments).err.empty());
  arguments.resize(5);
  CHECK(mobilenet_program(arguments, {.terminal_as_stderr = true}).err.empty());

  // After a fifth of a second it says how many a second, and where nobody knows how many will come only a count.
  const auto slow =
      support::run_program({"/bin/sh", "-c",
                            "for i in 1 2 3; do echo '" + (here / "a.png") +
                                "'; sleep 0.2; done | " MOBILENET_PROGRAM " classify '" + here.model() + "' --from -"},
                           {.terminal_as_stderr = true});
  CHECK(slow.status == 0);
  CHECK(contains(slow.err, "/s  "));
  CHECK_FALSE(contains(slow.err, "[#"));
}

TEST_CASE("--max-pixels: the limit, and what a wrong one says") {
  const workplace here;
  const auto refused = mobilenet_program({"classify", here.model(), here / "a.png", "--max-pixels", "259"});
  CHECK(refused.status == 1);
  CHECK(refused.err ==
        "mobilenet: " + (here / "a.png") + ": 20x13 is 260 pixels, expected at most 259 (--max-pixels)\n");
  for (const char* command : {"classify", "embed"}) {
    CHECK(mobilenet_program({command, here.model(), here / "a.png", "--max-pixels", "260"}).status == 0);
    CHECK(contains(mobilenet_program({command, "--help"}).out, "64000000"));
    for (const char* wrong : {"0", "-1", "many", "99999999999999"}) {
      CAPTURE(wrong);
      CHECK(mobilenet_program({command, here.model(), here / "a.png", "--max-pixels", wrong}).status == 2);
    }
  }
}

TEST_CASE("--alpha: a transparent picture is its stored colours, black or white") {
  const workplace here;
  // Green that nobody sees. The model says which colour is brightest, and is undecided about grey.
  support::byte_vector rows;
  for (int y = 0; y < 8; ++y) {
    rows.push_back(0);
    for (int x = 0; x < 8; ++x) support::append(rows, support::byte_vector{0, 255, 0, 0});
  }
  const support::byte_vector glass = support::make_png(8, 8, support::png_rgba, 8, rows);
  here.write("glass.png", std::as_bytes(std::span(glass)));
  const auto green = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments{"classify", here.model(), here / "glass.png", "--json"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const auto run = mobilenet_program(arguments);
    REQUIRE(run.status == 0);
    const auto objects = json_lines(run.out);
    for (const auto& result : objects.at(0)["results"].GetArray())
      if (result["classIndex"].GetUint() == 1) return result["probability"].GetDouble();
    return 0.0;
  };
  CHECK(green({}) > 0.99);
  CHECK(green({"--alpha", "drop"}) > 0.99);
  CHECK(green({"--alpha", "black"}) < 0.34);
  CHECK(green({"--alpha", "white"}) < 0.34);
  CHECK(mobilenet_program({"embed", here.model(), here / "a.png", "--alpha", "white"}).status == 0);
  CHECK(mobilenet_program({"classify", here.model(), here / "a.png", "--alpha", "pink"}).status == 2);
}

TEST_CASE("--jpeg-scale auto decodes a large JPEG smaller, but not below twice the network's input") {
#if MOBILENET_WITH_DECODE_TURBOJPEG
  const workplace here;  // the network's input is 8x8
  here.write("large.jpg", std::as_bytes(std::span(tiny_images::jpeg_64x40)));
  const auto features = [&](const std::string& image, const std::vector<std::string>& options) {
    std::vector<std::string> arguments{"embed", here.model(), here / image, "--layer", "pool"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const auto run = mobilenet_program(arguments);
    REQUIRE(run.status == 0);
    return run.out;
  };
  CHECK(features("large.jpg", {"--jpeg-scale", "auto"}) != features("large.jpg", {}));
  CHECK(features("large.jpg", {"--jpeg-scale", "1"}) == features("large.jpg", {}));
  CHECK(features("large.jpg", {"--jpeg-scale", "auto", "--decoder", "stb"}) ==
        features("large.jpg", {"--decoder", "stb"}));
  CHECK(features("b.jpg", {"--jpeg-scale", "auto"}) == features("b.jpg", {}));  // half of 20x13 is less than 16
  CHECK(mobilenet_program({"classify", here.model(), here / "b.jpg", "--jpeg-scale", "auto"}).status == 0);
  CHECK(mobilenet_program({"classify", here.model(), here / "b.jpg", "--jpeg-scale", "2"}).status == 2);
#else
  MESSAGE("skipped: built without libturbojpeg");
#endif
}

TEST_CASE("inspect shows what is in a model") {
  const workplace here;
  const auto run = mobilenet_program({"inspect", here.model()});
  CHECK(run.status == 0);
  CHECK(run.err.empty());
  for (const char* part : {"model.mnet", "8x8x3", "(x - 127.5) / 127.5", "3 classes", "red; green \"leaf\"; blue",
                           "made by a test", "global_average_pool", "dense", "softmax", "preds", "weights", "total"})
    CHECK_MESSAGE(contains(run.out, part), part);
}

TEST_CASE("Teachable Machine's folder is converted without options, and inspect says what was found") {
  const support::temporary_folder folder;
  const std::string source = MOBILENET_SOURCE_DIR "/tests/reference/v2/teachable_machine";
  const std::string model = folder / "my.mnet";
  const auto converted = mobilenet_program({"convert", source, "-o", model});
  REQUIRE_MESSAGE(converted.status == 0, converted.err);
  for (const char* part :
       {"32x32x3: the centre square, resized bilinearly with half-pixel centres, x / 127 - 1 (-1 to ",
        "output     5 classes\n", "labels     ", "metadata.json\n"})
    CHECK_MESSAGE(contains(converted.out, part), part);

  const auto shown = mobilenet_program({"inspect", model});
  CHECK(contains(shown.out, "input          32x32x3: the centre square, "));
  CHECK(contains(shown.out, "labels         5: one; two; three; ...\n"));

  const auto layers = mobilenet_program({"inspect", model, "--layers"});
  CHECK(layers.status == 0);
  CHECK(contains(layers.out, "\nblock_1_add\n"));
  CHECK(contains(layers.out, "\nout_relu\nglobal_average_pooling2d_GlobalAveragePooling2D1\n"));
  CHECK_FALSE(contains(layers.out, "Conv1_bn"));  // it has no activation of its own

  const auto unknown = mobilenet_program({"embed", model, "--layer", "block_1_ad", folder / "none.png"});
  CHECK(unknown.status == 1);
  CHECK(contains(unknown.err, "the model has no layer 'block_1_ad', but 'block_1_add'"));
}

TEST_CASE("the options of convert choose the preprocessing and the output") {
  const support::temporary_folder folder;
  const std::string v2 = MOBILENET_SOURCE_DIR "/tests/reference/v2/";
  const std::string model = folder / "m.mnet";
  const auto input_of = [&](const std::string& source, std::vector<std::string> options) {
    options.insert(options.begin(), {"convert", v2 + source, "-o", model});
    const auto run = mobilenet_program(options);
    REQUIRE_MESSAGE(run.status == 0, run.err);
    return run.out;
  };
  CHECK(contains(input_of("head_elu", {"--like", "nsfwjs"}),
                 "32x32x3: resized bilinearly with aligned corners, x / 255 "
                 "(0 to 1)\n"));
  CHECK(contains(input_of("head_elu", {"--like", "teachable-machine", "--crop", "none", "--resize", "nearest",
                                       "--input-range", "0,1"}),
                 "32x32x3: resized to the nearest pixel, x * 0.00392156886 (0 to 1)\n"));
  CHECK(contains(input_of("keras2_one_channel", {"--grey", "luma"}), "0.2989 red + 0.587 green + 0.114 blue"));
  CHECK(contains(input_of("keras2_open_size", {"--input-size", "64"}), "64x64x3: "));
  CHECK(contains(input_of("head_linear_boxes", {}), "1x1x4 values\n"));
  CHECK(contains(input_of("head_linear_boxes", {"--output-kind", "classes"}), "4 classes\n"));
  CHECK(contains(input_of("head_linear_boxes", {"--output-kind", "features"}), "1x1x4 features\n"));
  const auto several = mobilenet_program({"convert", v2 + "head_two_outputs", "-o", model});
  CHECK(several.status == 1);
  CHECK(contains(several.err, "the model has 2 outputs ('"));
  CHECK(contains(several.err, "choose one with --output NAME\n"));
}

TEST_CASE("inspect --verify replays the self-test on every back end") {
  const workplace here;
  const auto run = mobilenet_program({"inspect", here.model(), "--verify"});
  CHECK(run.status == 0);
  for (const std::string& backend : mobilenet::tools::backend_names()) CHECK(contains(run.out, backend + " "));
  CHECK(contains(run.out, "largest difference 0.0e+00, ok"));
}

TEST_CASE("inspect --verify finds a flipped bit anywhere in the sections") {
  const workplace here;
  const bytes good = support::read_file(here.model());
  const auto model = mobilenet::packed_model::from_bytes(good).value();
  for (const auto kind : {mobilenet::format::section_kind::provenance, mobilenet::format::section_kind::weights}) {
    bytes damaged = good;
    damaged[model.sections()[static_cast<std::size_t>(kind) - 1].offset] ^= std::byte{1};
    here.write("damaged.mnet", damaged);
    CHECK(mobilenet_program({"inspect", here / "damaged.mnet"}).status == 0);
    const auto run = mobilenet_program({"inspect", here / "damaged.mnet", "--verify"});
    CHECK(run.status == 1);
    CHECK(contains(run.err, "mobilenet: " + (here / "damaged.mnet") + ": section " +
                                std::string(mobilenet::format::to_string(kind)) + ": checksum is 0x"));
  }
}

TEST_CASE("inspect --verify finds a model that computes something else than it says") {
  const workplace here;
  bytes wrong = support::read_file(here.model());
  auto section = mobilenet::packed_model::from_bytes(wrong)
                     .value()
                     .sections()[static_cast<std::size_t>(mobilenet::format::section_kind::self_test) - 1];
  const float recorded = 0.5f;
  std::memcpy(wrong.data() + section.offset, &recorded, sizeof recorded);
  section.checksum = mobilenet::detail::crc32c(std::span(wrong).subspan(section.offset, section.length));
  std::memcpy(wrong.data() + 64 + 6 * sizeof section, &section, sizeof section);
  constexpr std::size_t checksum_at = offsetof(mobilenet::format::header, checksum);
  std::uint32_t checksum = 0;
  std::memcpy(wrong.data() + checksum_at, &checksum, sizeof checksum);
  checksum = mobilenet::detail::crc32c(std::span(wrong).first(64 + 8 * sizeof section));
  std::memcpy(wrong.data() + checksum_at, &checksum, sizeof checksum);
  here.write("wrong.mnet", wrong);
  const auto run = mobilenet_program({"inspect", here / "wrong.mnet", "--verify"});
  CHECK(run.status == 1);
  CHECK(contains(run.out, "WRONG"));
  CHECK(contains(run.err, "self-test: not within 1.0e-04 of the recorded output: "));
  CHECK(contains(run.err, "reference"));
}

TEST_CASE("from the shipped TensorFlow.js model to a class") {
  const std::string shipped = std::string(MOBILENET_SOURCE_DIR) + "/models/fashion_mnist_0.25_64";
  const temporary_folder folder;
  const auto converted = mobilenet_program({"convert", shipped, "-o", folder / "fashion.mnet"});
  CHECK(converted.err.empty());
  REQUIRE(converted.status == 0);
  for (const char* part : {"model.json", "fashion.mnet", "64x64x3", "10 classes", "labels.txt"})
    CHECK_MESSAGE(contains(converted.out, part), part);
  CHECK(mobilenet_program({"inspect", folder / "fashion.mnet", "--verify"}).status == 0);
  const auto answer =
      mobilenet_program({"classify", folder / "fashion.mnet", shipped + "/samples/trouser.png", "--top", "1"});
  CHECK(answer.status == 0);
  CHECK(contains(answer.out, "rouser"));

  const auto halves = mobilenet_program({"convert", shipped, "-o", folder / "half.mnet", "--weights", "f16"});
  CHECK(halves.status == 0);
  CHECK(std::filesystem::file_size(folder / "half.mnet") <
        std::filesystem::file_size(folder / "fashion.mnet") * 6 / 10);
  CHECK(contains(mobilenet_program({"inspect", folder / "half.mnet"}).out, "float16"));

  const auto ranged = mobilenet_program({"convert", shipped, "-o", folder / "ranged.mnet", "--input-range", "0,1"});
  CHECK(ranged.status == 0);
  CHECK(contains(ranged.out, "0 to 1"));
}

TEST_CASE("a conversion that fails says why and leaves nothing behind") {
  const temporary_folder folder;
  const auto run = mobilenet_program({"convert", folder / "none", "-o", folder / "m.mnet"});
  CHECK(run.status == 1);
  CHECK(run.out.empty());
  CHECK(contains(run.err, folder / "none"));
  CHECK(lines(run.err) == 1);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a real photo with a real model: giant panda") {
  const std::string data = support::test_data();
  if (data.empty()) return;
  const temporary_folder folder;
  const auto converted =
      mobilenet_program({"convert", data + "/models/mobilenet_v1_0.25_224", "-o", folder / "m.mnet", "--labels",
                         std::string(MOBILENET_SOURCE_DIR) + "/models/imagenet_labels.txt"});
  REQUIRE_MESSAGE(converted.status == 0, converted.err);
  const auto run = mobilenet_program({"classify", folder / "m.mnet", data + "/images/panda.jpg", "--json"});
  CHECK(run.status == 0);
  const auto objects = json_lines(run.out);
  REQUIRE(objects.size() == 1);
  const auto& best = objects[0]["results"][0];
  CHECK(best["classIndex"].GetUint() == 388);
  CHECK(contains(best["className"].GetString(), "giant panda"));
  CHECK(best["probability"].GetDouble() == doctest::Approx(0.8904).epsilon(0.001));
}
