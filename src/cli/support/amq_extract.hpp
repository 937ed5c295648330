// SPDX-License-Identifier: Apache-2.0
// IBM MQ's error log beside tapes: its messages, when they were written, and those that may leave the house.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "diagnose/facts/facts.hpp"
#include "diagnose/facts/mq_error_log.hpp"

namespace p11tape::cli {

/// The messages of a log. Dates that can be read in two ways are read so that they are near `near` (ns since 1970). Throws
/// std::runtime_error where the file cannot be read.
std::vector<diagnose::amq_message> read_amq_log(const std::string& path, std::uint64_t near);

/// The second in which each message was written, and one more: writing it comes after what it is about.
std::vector<diagnose::window> windows_of(std::span<const diagnose::amq_message> log);

/// A line for each message from a minute before the first call to a minute after the last: time, process, code, first line.
std::string amq_extract(std::span<const diagnose::amq_message> log, std::span<const diagnose::process_facts> all);

/// A line without what may be a PIN: in a crypto-hardware string, all behind the token label; elsewhere, what follows "PIN"
/// or "password" and a sign.
std::string without_pins(std::string_view line);

}  // namespace p11tape::cli
