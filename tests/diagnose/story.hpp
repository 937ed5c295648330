// SPDX-License-Identifier: Apache-2.0
// A story: a host does something through the shim, and the tape of it is diagnosed.
//
//   const auto t = story(with_mock("C_Login=CKR_PIN_LOCKED"), [] { app a; ... });
//   CHECK(t.first() == "P14");
//   CHECK_FALSE(t.has("P12"));
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "contract/softhsm.hpp"
#include "diagnose/app.hpp"
#include "diagnose/diagnosis.hpp"

namespace p11tape::test {

/// While one exists, stories may get the general finding (P80) as an error: those about failures of which no tape shows the
/// cause. Every other story fails with it, because a specific rule can know the cause.
class expect_general {
 public:
  expect_general() noexcept { ++expected_; }
  expect_general(const expect_general&) = delete;
  expect_general& operator=(const expect_general&) = delete;
  ~expect_general() { --expected_; }
  static bool expected() noexcept { return expected_ != 0; }

 private:
  static inline int expected_ = 0;
};

/// A diagnosis with all that it points into.
class told {
 public:
  /// Diagnoses the tapes of a folder, or those given.
  explicit told(const std::vector<std::string>& tapes, diagnose::configured set = {});

  /// Whether there is a finding of that id, consequences included.
  bool has(std::string_view id) const;
  bool has_error(std::string_view id) const;
  /// The id of the first finding; "" where nothing was found.
  std::string first() const;
  const diagnose::finding* find(std::string_view id) const;
  bool has_errors() const { return answer.errors != 0; }
  /// The whole answer as text.
  std::string text(bool verbose = false) const;
  /// The text's lines.
  std::vector<std::string> lines() const;

  diagnose::diagnosis answer;
  std::vector<diagnose::process_facts> processes;

 private:
  std::vector<std::unique_ptr<tape::reader>> readers_;
  diagnose::configured set_;
};

contract::setup with_mock(std::string options = {});

/// Runs the host, and diagnoses its tapes. The host must end well.
told story(contract::setup around, const std::function<void()>& host, diagnose::configured set = {});

/// The same for a host that may die.
told sad_story(contract::setup around, const std::function<void()>& host);

/// What --sslcryp makes of the string.
diagnose::configured sslcryp(std::string_view text);

}  // namespace p11tape::test
