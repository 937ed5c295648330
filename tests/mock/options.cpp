// SPDX-License-Identifier: Apache-2.0
// The text of P11TAPE_MOCK; control.hpp lists the options.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "mock.hpp"

extern "C" {
p11tape::mock::control mock_control{};
}

namespace p11tape::mock {

settings options;

namespace {

// A test that misspells its script must not pass by accident.
[[noreturn]] void refuse(std::string_view option) {
  std::fprintf(stderr, "p11tape-mock: P11TAPE_MOCK: cannot make sense of \"%.*s\"\n", static_cast<int>(option.size()),
               option.data());
  std::abort();
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(at);
    if (end != 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return parts;
}

unsigned long number(std::string_view text, std::string_view option) {
  const std::string copy(text);
  char* end = nullptr;
  const auto value = std::strtoul(copy.c_str(), &end, 0);
  if (copy.empty() || *end != 0) refuse(option);
  return value;
}

CK_RV return_value(std::string_view text, std::string_view option) {
  std::uint64_t value = 0;
  if (text.starts_with("CKR_")) {
    if (!cryptoki::value_of(text, value)) refuse(option);
    return value;
  }
  return number(text, option);
}

CK_VERSION version(std::string_view text, std::string_view option) {
  if (text == "vendor") return {0, 0};
  const auto parts = split(text, '.');
  if (parts.size() != 2) refuse(option);
  return {static_cast<CK_BYTE>(number(parts[0], option)), static_cast<CK_BYTE>(number(parts[1], option))};
}

// Applies `change` to the function of that name, or to all for "*".
template <class Change>
void for_functions(std::string_view name, std::string_view option, Change change) {
  bool known = false;
  for (std::size_t i = 0; i < cryptoki::function_count; ++i)
    if (name == "*" || cryptoki::functions[i].name == name) {
      change(i);
      known = true;
    }
  if (!known) refuse(option);
}

void set_action(function_control& f, std::string_view word_, std::string_view value, std::string_view option) {
  static constexpr struct {
    std::string_view name;
    action act;
  } actions[] = {{"segv", action::segv}, {"abort", action::abort},  {"exit", action::exit},
                 {"hang", action::hang}, {"throw", action::throw_}, {"thread_exit", action::thread_exit},
                 {"self", action::self}, {"loop", action::loop},    {"notify", action::notify}};
  for (const auto& a : actions)
    if (a.name == word_) {
      f.act = a.act;
      return;
    }
  if (word_ == "delay") {
    f.delay_ms = static_cast<std::uint32_t>(number(value, option));
  } else if (word_ == "errno") {
    f.error_number = static_cast<int>(number(value, option));
  } else if (word_ == "lie") {
    f.lie = number(value, option);
  } else if (word_ == "dirty") {
    f.dirty = true;
  } else {
    refuse(option);
  }
}

void set_option(std::string_view option) {
  const auto equals = option.find('=');
  const auto key = option.substr(0, equals);
  const auto value = equals == option.npos ? std::string_view() : option.substr(equals + 1);
  if (const auto colon = key.find(':'); colon != key.npos) {
    for_functions(key.substr(0, colon), option,
                  [&](std::size_t i) { set_action(mock_control.functions[i], key.substr(colon + 1), value, option); });
  } else if (key == "list") {
    options.list_is_first = value == "first";
    if (!options.list_is_first) options.list_version = version(value, option);
  } else if (key == "interfaces") {
    options.interface_count = 0;
    if (value == "none") return;
    for (const auto v : split(value, '+')) {
      if (options.interface_count == std::size(options.interfaces)) refuse(option);
      options.interfaces[options.interface_count++] = version(v, option);
    }
  } else if (key == "fork_safe") {
    options.fork_safe = true;
  } else if (key == "no_interface") {
    options.no_interface = true;
  } else if (key == "null_interface") {
    options.null_interface = true;
  } else if (key == "forget_in_child") {
    options.forget_in_child = true;
  } else if (key == "sessions") {
    options.check_sessions = true;
  } else if (key == "null") {
    for (const auto name : split(value, '+'))
      for_functions(name, option, [](std::size_t i) { options.null_slot[i] = true; });
  } else if (equals != option.npos) {
    const auto rv = return_value(value, option);
    for_functions(key, option, [&](std::size_t i) {
      mock_control.functions[i].result = rv;
      mock_control.functions[i].scripted = true;
    });
  } else {
    refuse(option);
  }
}

void forget(function_control& f) {
  f.scripted = false;
  f.dirty = false;
  f.result = CKR_OK;
  f.act = action::none;
  f.delay_ms = 0;
  f.error_number = 0;
  f.lie = 0;
  f.output_size = 0;
  f.writes = nullptr;
  f.write_count = 0;
  f.calls = 0;
  for (auto& w : f.words) w = 0;
}

}  // namespace

void configure(const char* text) {
  options = settings{};
  mock_control.size = sizeof mock_control;
  mock_control.configure = [](const char* t) {
    configure_once();
    configure(t);
  };
  for (auto& f : mock_control.functions) forget(f);
  mock_control.log_count = 0;
  for (const auto option : split(text == nullptr ? "" : text, ',')) set_option(option);
  build_lists();
  reset_token();
  reset_objects();
  reset_handles();
}

void configure_once() {
  static std::once_flag once;
  std::call_once(once, [] { configure(std::getenv("P11TAPE_MOCK")); });
}

namespace {
// A test that finds the structure by dlsym before any call needs `configure` to be there.
[[gnu::constructor]] void prepare() { configure_once(); }
}  // namespace

}  // namespace p11tape::mock
