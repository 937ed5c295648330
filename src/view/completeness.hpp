// SPDX-License-Identifier: Apache-2.0
// How complete a recording is, in sentences.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "p11tape/tape.hpp"

namespace p11tape::view {

/// The file name of the recorded program, or "unknown program".
std::string program_of(const tape::reader& tape);

/// The redaction profile that the tape was recorded with: "default", "strict" or "payload"; "" if it is none of these.
std::string_view profile_of(const tape::reader& tape) noexcept;

/// The tool whose log an imported tape was made from, and the file: "pkcs11-spy (spy.log)"; "" for a recording.
std::string imported_from(const tape::reader& tape);

/// What the recorder left out, a sentence each; empty for a complete tape.
std::vector<std::string> losses_of(const tape::reader& tape);

/// What of the file could not be understood, a sentence each. To be asked when all of it has been read.
std::vector<std::string> damages_of(const tape::reader& tape);

/// All of this, and what filters left out, a sentence each; empty if every call that the process made is on the tape.
std::vector<std::string> missing_from(const tape::reader& tape);

/// Whether every call that the process made is on the tape. To be asked when all of it has been read.
bool is_complete(const tape::reader& tape);

/// "COMPLETE: every call is on the tape", or "INCOMPLETE: " and what is missing.
std::string completeness_of(const tape::reader& tape);

/// The calls that filters left out on purpose.
tape::u64 filtered_calls(const tape::reader& tape);

}  // namespace p11tape::view
