// SPDX-License-Identifier: Apache-2.0
// The format otlp: sessions, logins and operations as spans of OpenTelemetry, in OTLP's JSON.
//
// A session is a trace: its root span lasts from C_OpenSession to its end, and logins and operations (from C_SignInit
// to the end of C_Sign ...) are its children. A finding is a span of its own that links to the span of the first call
// that shows it. Queries of slots, tokens and attributes are not spans. Each line of JSON is an ExportTraceServiceRequest
// with spans of one tape.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include "query/sources/call_scan.hpp"

namespace p11tape::exporting {

using query::u64;

/// Takes a line, and how many spans are in it. False to end.
using otlp_receiver = std::function<bool(const std::string& line, u64 spans)>;

/// Gives a tape's spans, in lines of about `most_bytes`. Returns false if `to` did.
bool give_otlp(const tape::reader& tape, std::size_t most_bytes, const otlp_receiver& to);

/// Returns false if the output cannot be written.
bool write_otlp(query::tape_list tapes, std::FILE* to);

}  // namespace p11tape::exporting
