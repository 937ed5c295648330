// SPDX-License-Identifier: Apache-2.0
// Hosts that number their calls: the number is the session handle, which the null module takes no interest in and the
// tape records. So a tape can be held against what the host has seen.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "../contract/support.hpp"
#include "p11tape/tape.hpp"

namespace p11tape::crash {

inline constexpr unsigned most_threads = 32;
inline constexpr std::uint64_t large_call_every = 64;  ///< so large that it goes on the tape in pieces

/// Shared between a host and the test: the last call of each thread whose return the host has seen.
struct acknowledged {
  std::atomic<std::uint64_t> last[most_threads];
  std::atomic<unsigned> newest;  ///< the thread that was the last to acknowledge
};

/// Mapped before the host starts; zeroed here.
acknowledged& acknowledgements();

/// A variety of calls, numbered from 1 for ever: small and large, to the kept part and to the ring, one of 64 so large
/// that it goes on the tape in pieces. Acknowledges each.
[[noreturn]] void call_for_ever(const CK_FUNCTION_LIST* list, unsigned thread, acknowledged& acks);

/// The same calls, from `first` to `last`.
void call_numbered(const CK_FUNCTION_LIST* list, unsigned thread, std::uint64_t first, std::uint64_t last);

/// What a tape says about the numbered calls of its threads, and about others.
struct told {
  std::map<unsigned, std::set<std::uint64_t>> begun;  ///< by thread of the host
  std::map<unsigned, std::set<std::uint64_t>> returned;
  std::map<std::string, unsigned> others;  ///< calls by name: C_Initialize and the like
  std::map<std::string, unsigned> in_flight;
  std::uint64_t calls = 0;  ///< all of them
  std::uint64_t threads = 0;
  tape::file_header header{};
  tape::damage damage;

  std::uint64_t lost() const { return header.counters[static_cast<int>(tape::counter::no_space)]; }
  bool stopped(tape::stop_reason why) const { return header.stopped == static_cast<std::uint64_t>(why); }
};

told read(const std::filesystem::path& tape);

/// Reads the only tape of a folder.
told read_only(const std::filesystem::path& folder);

/// Fails the test where the reader found something that makes no sense. What a ring has overwritten is no damage.
void check_sound(const told& t);

inline std::string null_module() { return contract::mock_path("p11tape-null.so"); }

}  // namespace p11tape::crash
