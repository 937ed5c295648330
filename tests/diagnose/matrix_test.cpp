// SPDX-License-Identifier: Apache-2.0
// A failure is never silent: every function with every return value that the standard lists for it, by a client that
// gives up. Where the tables say that it is a normal outcome, nothing is an error.
#include <algorithm>

#include "diagnose/rules/call_preconditions.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/tables/permitted_return_values.hpp"
#include "diagnose/tables/return_value_explanations.hpp"
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

using cryptoki::function;

// What comes before the call, and the call.
told failing(function f, u64 value) {
  const auto& row = cryptoki::row(f);
  tape_story s;
  const auto stage = diagnose::stage_of(f) < 0 ? 5 : diagnose::stage_of(f);
  if (stage > 0) s.initialize();
  if (stage > 1) s.slot_list({5}).token_info(5, {});
  if (stage > 2) s.open(5, 1, CKF_SERIAL_SESSION | CKF_RW_SESSION);
  if (stage > 3) s.login(1);
  const auto first = row.arguments.empty() ? std::string_view() : row.arguments.front().type;
  s.call(std::string(row.name), {first == "CK_SESSION_HANDLE" ? 1u : first == "CK_SLOT_ID" ? 5u : 0u}, value);
  if (stage > 0 && f != function::C_Finalize) s.finalize();
  return s.diagnose();
}

TEST_CASE("no failed call is silent, whatever the function and the return value") {
  const expect_general bare;  // of calls without surroundings no cause can be known
  std::string silent, loud;
  std::size_t cells = 0;
  for (std::size_t n = 0; n < cryptoki::function_count; ++n) {
    const auto f = static_cast<function>(n);
    for (const auto value : diagnose::listed_return_values(f)) {
      ++cells;
      const auto t = failing(f, value);
      const auto what =
          std::string(cryptoki::row(f).name) + " " + std::string(cryptoki::name_of("return_value", value)) + "\n";
      if (diagnose::find_normal_outcome(f, value) != nullptr) {
        if (t.has_errors()) loud += what;
      } else if (!t.has_errors()) {
        silent += what;
      }
    }
  }
  CHECK(cells > 1700);
  INFO("silent:\n" << silent << "loud:\n" << loud);
  CHECK(silent.empty());
  CHECK(loud.empty());
}

TEST_CASE("the general finding says what the tape has of the call") {
  const expect_general here;
  const auto t = failing(function::C_GenerateRandom, CKR_RANDOM_NO_RNG);
  const auto* f = t.find("P80");
  REQUIRE(f != nullptr);
  CHECK(f->level == diagnose::severity::error);
  CHECK(f->say.find("C_GenerateRandom returned CKR_RANDOM_NO_RNG") != std::string::npos);
  CHECK(f->say.size() <= 100);
  CHECK(t.text().find("section 5.19") != std::string::npos);
  CHECK(t.text().find("before it: ") != std::string::npos);
  CHECK(t.text().find("after it: ") != std::string::npos);
}

TEST_CASE("a client that finds another way at once is left alone") {
  tape_story s;
  s.initialize().slot_list({5}).token_info(5, {}).open(5, 1, CKF_SERIAL_SESSION | CKF_RW_SESSION).login(1);
  s.call("C_GenerateKey", {1}, CKR_TEMPLATE_INCONSISTENT).call("C_GenerateKey", {1}).finalize();
  const auto t = s.diagnose();
  INFO(t.text());
  CHECK_FALSE(t.has_errors());
  CHECK(t.answer.warnings == 0);
}

TEST_CASE("each row of the tables resolves") {
  for (std::size_t n = 0; n < cryptoki::function_count; ++n) {
    const auto f = static_cast<function>(n);
    for (const auto value : diagnose::listed_return_values(f)) {
      INFO(cryptoki::row(f).name << " " << value);
      CHECK(value != CKR_OK);
      CHECK(diagnose::find_return_value(value) != nullptr);
      CHECK(diagnose::is_listed_return_value(f, value));
    }
  }
  for (const auto& c : cryptoki::constants_of("return_value")) {
    INFO(c.name);
    const auto* row = diagnose::find_return_value(c.value);
    REQUIRE(row != nullptr);
    CHECK_FALSE(row->what.empty());
  }
  const auto words_are = [](std::string_view words, const auto& known) {
    for (std::size_t at = 0; at < words.size();) {
      const auto end = std::min(words.find(' ', at), words.size());
      INFO(words.substr(at, end - at));
      CHECK(known(words.substr(at, end - at)));
      at = end + 1;
    }
  };
  const auto is_code = [](std::string_view w) {
    std::uint64_t value = 0;
    return w.starts_with("0x") || cryptoki::value_of("CKR_" + std::string(w), value);
  };
  const auto is_function = [](std::string_view w) {
    return std::any_of(std::begin(cryptoki::functions), std::end(cryptoki::functions),
                       [&](const auto& f) { return f.name.substr(2) == w; });
  };
  for (const auto& p : diagnose::preconditions()) words_are(p.codes, is_code);
  CHECK(diagnose::habits().size() >= 60);
  for (const auto& h : diagnose::habits()) {
    INFO(h.text);
    words_are(h.codes, is_code);
    words_are(h.functions, is_function);
    CHECK(h.library.size() + h.manufacturer.size() + h.model.size() != 0);
    CHECK_FALSE(h.source.empty());
  }
}

}  // namespace
}  // namespace p11tape::test
