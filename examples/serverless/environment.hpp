// Environment variables that change with every request.
#pragma once

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace serverless {

/// Sets variables and owns their text. setenv() never frees what it has once stored, so a process that serves for
/// days would grow with every activation id.
class environment {
 public:
  environment() = default;
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  ~environment() { clear(); }

  static bool valid_name(std::string_view name) {
    return !name.empty() && name.find('=') == name.npos && name.find('\0') == name.npos;
  }

  /// Text after a NUL byte is cut off. The name must be valid.
  void set(const std::string& name, std::string_view value) {
    if (const char* found = std::getenv(name.c_str()); found != nullptr && !lines_.contains(name))
      originals_.try_emplace(name, line(name, found));
    owned_line made = line(name, value.substr(0, value.find('\0')));
    ::putenv(made.get());  // the variable's old text is free from here on
    lines_[name] = std::move(made);
  }

  /// Takes away all that was set; what the process was started with comes back.
  void clear() {
    for (const auto& [name, text] : lines_) {
      const auto original = originals_.find(name);
      if (original == originals_.end())
        ::unsetenv(name.c_str());
      else
        ::putenv(original->second.get());
    }
    lines_.clear();
  }

 private:
  using owned_line = std::unique_ptr<char[]>;
  static owned_line line(const std::string& name, std::string_view value) {
    auto text = std::make_unique<char[]>(name.size() + value.size() + 2);
    std::memcpy(text.get(), name.data(), name.size());
    text[name.size()] = '=';
    if (!value.empty()) std::memcpy(text.get() + name.size() + 1, value.data(), value.size());
    return text;
  }

  std::map<std::string, owned_line> lines_;
  std::map<std::string, owned_line> originals_;  // as many as the process was started with, at most
};

}  // namespace serverless
