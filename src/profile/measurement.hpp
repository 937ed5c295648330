// SPDX-License-Identifier: Apache-2.0
// All that is measured of tapes, in one pass: the dossier that diagnose gathers, and what is only of interest to those
// who ask for the time. Memory is bounded by what is open and by the tables' limits, never by the tape.
#pragma once

#include <memory>
#include <optional>

#include "diagnose/diagnosis.hpp"
#include "diagnose/facts/facts.hpp"
#include "profile/breakdown.hpp"
#include "profile/concurrency.hpp"
#include "profile/formats/perfetto.hpp"
#include "profile/formats/stacks.hpp"
#include "profile/startup_phases.hpp"
#include "profile/think_time.hpp"
#include "profile/timeline.hpp"

namespace p11tape::profile {

/// What is wanted beyond the figures.
struct wishes {
  bool timeline = false, stacks = false;
  trace_file* trace = nullptr;
  std::size_t stretches = profile::timeline::most_stretches;  ///< of each time line
  const diagnose::configured* set = nullptr;                  ///< what the client is configured with, if that is known
  std::vector<diagnose::window> windows = {};                 ///< times whose calls are to be counted
};

struct measurement {
  profile::breakdown breakdown;
  profile::between between;
  profile::concurrency concurrency;
  anatomist logins;
  std::optional<profile::timeline> timeline;
  std::optional<profile::stacks> stacks;
};

/// Everything about the tapes, in their order.
struct measured {
  std::vector<diagnose::process_facts> processes;
  std::vector<measurement> each;
  breakdown total;               ///< of several tapes
  diagnose::diagnosis findings;  ///< of all kinds, as diagnose tells them
};

/// Tapes side by side, as diagnose::gather_all() reads them.
measured measure_all(std::span<const tape::reader* const> tapes, const wishes& w,
                     diagnose::progress_report progress = {});

/// Those findings that are about time, the worst first.
std::vector<const diagnose::finding*> about_time(const diagnose::diagnosis& d, std::size_t tape);

}  // namespace p11tape::profile
