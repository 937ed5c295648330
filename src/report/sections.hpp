// SPDX-License-Identifier: Apache-2.0
// The sections of the page, a function for each. All append to `to`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/html.hpp"
#include "report/report.hpp"

namespace p11tape::report {

using diagnose::u64;

/// What one more pass over the calls found.
struct call_list {
  std::string json;                    ///< for the page's script
  u64 all = 0, listed = 0;             ///< calls
  std::vector<std::string> libraries;  ///< by tape: "SoftHSM 2.6, Implementation of PKCS11", as C_GetInfo returned it
};
call_list list_calls(const source& from);

/// "7", or "2:7" where several tapes are read together.
std::string call_name(const source& from, std::size_t tape, model::call_number call);

/// "2026-11-21 18:05:01.123456 +0100"
std::string moment(u64 wall);
/// Minutes that local time is ahead of UTC.
int zone_minutes(u64 wall);

void append_findings(const source& from, html& to);
void append_recordings(const source& from, const call_list& calls, html& to);
void append_time_line(const source& from, html& to);
void append_calls(const source& from, const call_list& calls, html& to);
void append_profile(const source& from, html& to);

}  // namespace p11tape::report
