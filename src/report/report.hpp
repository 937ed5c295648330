// SPDX-License-Identifier: Apache-2.0
// Tapes as one page for people who have nothing but a browser: what went wrong, who was recorded and how completely, a
// time line of all processes and threads, where the time went, and the calls themselves.
//
// The page is one file that loads nothing. Nothing that stands on a tape is markup in it (html.hpp). Its size is bounded
// by the number of calls that it lists; everything else is bounded by what the profile and the diagnosis keep.
#pragma once

#include <span>
#include <string>

#include "profile/measurement.hpp"

namespace p11tape::report {

struct source {
  std::span<const tape::reader* const> tapes;
  const profile::measured& measured;  ///< of these tapes, with time lines
  const diagnose::configured& set;    ///< what the client is configured with, as far as that was given
  static constexpr std::size_t usual_calls = 100000;
  std::size_t most_calls = usual_calls;  ///< of more, those around findings, failed and slow calls are listed
  std::span<const diagnose::amq_message> log = {};  ///< of MQ, without PINs; measured with a window for each
};

/// What has to be measured for the page.
profile::wishes wanted_for_page(std::size_t tapes);

void append_page(const source& from, std::string& out);

}  // namespace p11tape::report
