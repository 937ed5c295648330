// SPDX-License-Identifier: Apache-2.0
#include "cli/support/show_filter.hpp"

#include <algorithm>
#include <charconv>

#include "text/parse_time.hpp"

namespace p11tape::cli {
namespace {

std::optional<tape::u64> parse_number(std::string_view text) {
  tape::u64 n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(n) : std::nullopt;
}

// A value of the user's as a value of the grammar.
std::string quoted(const std::string& text) {
  return text.find('"') == std::string::npos ? '"' + text + '"' : '\'' + text + '\'';
}

// (field="a" or field="b"); patterns are matched as such.
std::string any_of(std::string_view field, const std::vector<std::string>& values) {
  std::string all;
  for (const auto& v : values) {
    const bool pattern = v.find_first_of("*?") != std::string::npos;
    all += all.empty() ? "" : " or ";
    ((all += field) += pattern ? "~" : "=") += quoted(v);
  }
  return all;
}

}  // namespace

void show_filter::add_to(CLI::App& command) {
  const auto repeatable = [&](const char* option, std::vector<std::string>& into, const char* help, const char* type) {
    command.add_option(option, into, help)->take_all()->allow_extra_args(false)->type_name(type);
  };
  repeatable("--call", call_names_, "Only the call of this name (7, or 2:7 where several tapes are read); repeatable",
             "[TAPE:]N");
  repeatable("-e,--expression", expressions_,
             "Only calls that this expression matches, such as 'function=C_Sign and rv!=CKR_OK'; repeatable",
             "EXPRESSION");
  repeatable("--token", tokens_, "Only calls on the token with this label or pattern; repeatable", "LABEL");
  repeatable("--mechanism", mechanisms_, "Only calls with this mechanism (CKM_RSA_PKCS, 0x1, CKM_AES*); repeatable",
             "NAME");
  repeatable("--rv", codes_, "Only calls that returned this value (CKR_PIN_INCORRECT, 0xA0, CKR_KEY*); repeatable",
             "CODE");
  command
      .add_option(
          "--session", about_.session,
          "Only calls of the Nth session that was opened, counted as --meaning does, its C_OpenSession included")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--object", about_.object,
                  "Only calls that search for, create, find or use the object with this handle (0x2a, 42) or label")
      ->type_name("HANDLE|LABEL");
  command
      .add_option("--login", about_.login,
                  "Only the Nth login: the calls on its token from the C_OpenSession of the session that calls C_Login "
                  "to the end of the login (C_Logout, the end of the token's last session, or C_Finalize)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  plain_.add_to(command);
  command.add_option("--slower-than", slower_than_, "Only calls that took longer (5ms, 2.5s) or never returned")
      ->type_name("DURATION");
  command.add_option("--from", from_, "Only calls from this time on: 2026-11-21T18:05:01, 18:05:01, +2.5 (seconds)")
      ->type_name("TIME");
  command.add_option("--to", to_, "Only calls up to this time")->type_name("TIME");
}

std::string show_filter::understand_times(const std::vector<const tape::reader*>& tapes, tape::u64 since) {
  tape::u64 start = ~tape::u64{0};
  for (const auto* t : tapes) start = std::min<tape::u64>(start, t->header().wall);
  if (!slower_than_.empty()) {
    const auto ns = text::parse_duration(slower_than_);
    if (!ns) return "--slower-than: " + slower_than_ + " is not a duration (write 5ms, 2.5s, 100us or 1min)";
    plain_.slower_than = *ns;
  }
  const auto moment = [&](const char* option, const std::string& text, std::optional<std::uint64_t>& into) {
    if (text.empty()) return std::string();
    into = text::parse_moment(text, start);
    if (!into)
      return std::string(option) + ": " + text +
             " is not a time (write 2026-11-21T18:05:01, 18:05:01 or +2.5 for seconds after the start)";
    return std::string();
  };
  auto trouble = moment("--from", from_, plain_.from);
  if (trouble.empty()) trouble = moment("--to", to_, plain_.to);
  if (since != 0) plain_.from = std::max<std::uint64_t>(plain_.from.value_or(0), since);
  return trouble;
}

std::string show_filter::understand_calls(std::size_t tapes) {
  for (const auto& name : call_names_) {
    const auto colon = name.find(':');
    const auto tape = colon == std::string::npos ? std::optional<tape::u64>(1)
                                                 : parse_number(std::string_view(name).substr(0, colon));
    const auto number = parse_number(std::string_view(name).substr(colon == std::string::npos ? 0 : colon + 1));
    if (!tape || !number)
      return "--call: " + name + " is not the name of a call (write 7, or 2:7 for call 7 of the second tape)";
    if (colon == std::string::npos && tapes > 1)
      return "--call: " + name + " does not say which of the " + std::to_string(tapes) + " tapes (write 1:" + name +
             ")";
    if (*tape == 0 || *tape > tapes) return "--call: " + name + ": there is no tape " + std::to_string(*tape);
    calls_.emplace_back(*tape - 1, *number);
  }
  return {};
}

std::string show_filter::prepare(const std::vector<const tape::reader*>& tapes, tape::u64 since) {
  if (auto trouble = understand_times(tapes, since); !trouble.empty()) return trouble;
  if (auto trouble = understand_calls(tapes.size()); !trouble.empty()) return trouble;
  for (const auto& e : expressions_)
    if (auto trouble = condition_.require(e); !trouble.empty()) return "-e: " + trouble;
  const std::pair<const char*, const std::vector<std::string>*> lists[] = {
      {"token", &tokens_}, {"mechanism", &mechanisms_}, {"rv", &codes_}};
  for (const auto& [field, values] : lists) {
    if (values->empty()) continue;
    if (auto trouble = condition_.require(any_of(field, *values)); !trouble.empty())
      return "--" + std::string(field) + ": " + trouble.substr(0, trouble.find(" (column"));
  }
  if (const auto unknown = plain_.prepare(tapes); !unknown.empty())
    return "--function: no function of PKCS#11 is called " + unknown + " (patterns such as C_Sign* are possible)";
  return about_.prepare(tapes);
}

bool show_filter::matches(const model::call& call, const model::call_context* now) const {
  if (!calls_.empty() && std::none_of(calls_.begin(), calls_.end(), [&](const auto& c) {
        return c.first == call.tape_index && c.second == call.number;
      }))
    return false;
  return plain_.lets(call) && (!about_.any() || about_.lets(*now)) && condition_.matches(call, now);
}

}  // namespace p11tape::cli
