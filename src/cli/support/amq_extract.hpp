// SPDX-License-Identifier: Apache-2.0
// The messages of IBM MQ's error log that belong to tapes, without PINs.
#pragma once

#include <span>
#include <string>

#include "diagnose/facts/facts.hpp"

namespace p11tape::cli {

/// A line for each message from a minute before the first call to a minute after the last: time, process, code, first line.
/// Throws std::runtime_error where the log cannot be read.
std::string amq_extract(const std::string& log, std::span<const diagnose::process_facts> all);

/// A line without what may be a PIN: in a crypto-hardware string, all behind the token label; elsewhere, what follows "PIN"
/// or "password" and a sign.
std::string without_pins(std::string_view line);

}  // namespace p11tape::cli
