// SPDX-License-Identifier: Apache-2.0
// What was measured: plain values, their JSON, and how several rounds become one figure.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace p11tape::bench {

/// Of one workload on one thread, in nanoseconds a call. `mean` is the processor time of a call, the kernel's work for
/// it included: the lower quartile of the means of many short blocks. The rest is time on the clock, of calls that were
/// timed one by one, the cost of timing taken off.
struct latency {
  double mean = 0, p50 = 0, p99 = 0, p999 = 0, worst = 0;
};

/// Of one process: the latency of each workload, and calls of C_GetSessionInfo per second by number of threads.
struct measured {
  std::map<std::string, latency, std::less<>> workloads;
  std::map<int, double> throughput;
};

/// Of one workload on one thread, in one long run: plain means, the recorder's seldom work included, in ns of processor
/// time. `growing`: while the first 200 MiB of a new file are written; of several files, the best. What a new page costs is
/// the machine's: one that a virtual machine's host has taken back meanwhile costs several times as much as another.
/// `recycled`: afterwards, so that most of it is on pages that were written before.
struct long_run {
  double floor = 0;  ///< two clock readings, in the same process
  double growing = 0, recycled = 0;
  double bytes = 0;  ///< of tape for one call
};

/// The less disturbed of two rounds, figure by figure: what else ran on the machine only ever makes them worse.
void keep_better(measured& best, const measured& other);

void to_json(nlohmann::json& to, const latency& from);
void from_json(const nlohmann::json& from, latency& to);
void to_json(nlohmann::json& to, const long_run& from);
void from_json(const nlohmann::json& from, long_run& to);
void to_json(nlohmann::json& to, const measured& from);
void from_json(const nlohmann::json& from, measured& to);

}  // namespace p11tape::bench
