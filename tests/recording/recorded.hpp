// SPDX-License-Identifier: Apache-2.0
// The shim in front of the mock in this very process, with a folder of its own for the one tape that it makes.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mock/call.hpp"
#include "mock/control.hpp"

namespace p11tape::test {

class recorded_mock {
 public:
  /// Loads both. The shim reads its settings once a process: so there is one of these in a process. `profile` as in
  /// P11TAPE_PROFILE. Ends the process with a message where something is missing.
  explicit recorded_mock(const char* profile);
  ~recorded_mock();
  recorded_mock(const recorded_mock&) = delete;
  recorded_mock& operator=(const recorded_mock&) = delete;

  /// Calls the exported function of the shim.
  CK_RV call(cryptoki::function f, std::span<const std::uint64_t> words) const;

  mock::control& script() const { return *script_; }
  std::filesystem::path tape() const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  void* shim_;
  mock::control* script_;
};

/// The tapes of a process that calls every function through the shim in front of the mock; as bytes.
std::vector<std::string> tapes_of_every_function(const char* profile);

/// All bytes that a tape holds: the file as it is, and then the body of each record as readers see it. The file alone
/// does not do: a packed body leaves out zero bytes, and a large record lies in pieces.
std::string contents_of(const std::filesystem::path& tape);

/// What a command prints; ends the process where it fails.
std::string output_of(const std::string& command);

}  // namespace p11tape::test
