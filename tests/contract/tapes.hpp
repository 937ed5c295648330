// SPDX-License-Identifier: Apache-2.0
// What the hosts' tapes say, for the tests: calls in order, and properties.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/call_stream.hpp"
#include "p11tape/tape.hpp"

namespace p11tape::contract {

struct recorded_call {
  std::string function;
  unsigned depth;
  tape::call_state state;
  tape::u64 rv;                   ///< meaningful where it returned
  tape::u64 thread;               ///< the kernel's id
  std::vector<unsigned> outputs;  ///< the arguments whose outputs were recorded
};

/// The calls of one tape in the order in which they began. Fails the test where the tape is damaged.
std::vector<recorded_call> calls_of(const std::filesystem::path& tape);

/// The calls of all tapes of a folder.
std::vector<recorded_call> calls_in(const std::filesystem::path& dir);

/// A property of a tape, "" where it has none.
std::string property(const std::filesystem::path& tape, const std::string& key);

std::size_t count(const std::vector<recorded_call>& calls, const std::string& function);

}  // namespace p11tape::contract
