// SPDX-License-Identifier: Apache-2.0
// The format otlp: sessions, logins and operations as spans of OpenTelemetry, in OTLP's JSON.
//
// A session is a trace: its root span lasts from C_OpenSession to its end, and logins and operations (from C_SignInit
// to the end of C_Sign ...) are its children. A finding is a span of its own that links to the span of the first call
// that shows it. Queries of slots, tokens and attributes are no spans. One line of JSON for each tape, each of which is
// an ExportTraceServiceRequest.
#pragma once

#include <cstdio>

#include "query/sources/call_scan.hpp"

namespace p11tape::exporting {

/// Appends one line.
void append_otlp(const tape::reader& tape, std::string& out);

/// Returns false if the output cannot be written.
bool write_otlp(query::tape_list tapes, std::FILE* to);

}  // namespace p11tape::exporting
