// SPDX-License-Identifier: Apache-2.0
#include "bench/report.hpp"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/workload.hpp"

namespace p11tape::bench {
namespace {

double mean(const measured& m, std::string_view workload) { return m.workloads.find(workload)->second.mean; }

// What a variant adds to a call of the module itself, in ns.
double added(const results& r, const measured& m, std::string_view workload) {
  return mean(m, workload) - mean(*r.find(direct_name), workload);
}

double floor_of(const results& r) { return mean(*r.find(direct_name), floor_name); }

double scaling(const measured& m, int from, int to) { return m.throughput.at(to) / m.throughput.at(from); }

// 87, 340, 2.7k, 25k: three digits are more than the machine's mood allows.
std::string ns(double n) {
  if (n < 0) n = 0;
  if (n < 100) return fmt::format("{:.0f}", n);
  if (n < 1000) return fmt::format("{:.0f}", n);
  if (n < 10000) return fmt::format("{:.1f}k", n / 1000);
  return fmt::format("{:.0f}k", n / 1000);
}

}  // namespace

std::vector<target> targets(const results& r) {
  constexpr std::string_view info = "C_GetSessionInfo", sign = "C_Sign";
  const double floor = floor_of(r);
  const auto& tape = *r.find(tape_name);
  std::vector<target> all{
      {"C_GetSessionInfo recorded, as a multiple of two clock readings", added(r, tape, info) / floor, 3, false},
      {"C_Sign recorded, as a multiple of two clock readings", added(r, tape, sign) / floor, 5, false},
      {"recording off, ns per call", added(r, *r.find(off_name), info), 15, false},
      {"p99.9 of a recorded C_GetSessionInfo, µs", tape.workloads.find(info)->second.p999 / 1000, 20, false},
      {"p99.9 of a recorded C_Sign, µs", tape.workloads.find(sign)->second.p999 / 1000, 20, false},
      {"calls of 8 threads, as a multiple of 2 threads", scaling(tape, 2, 8), 0.95, true},
      {"bytes of tape for one C_Sign", r.tape_bytes, 200, false},
      {"start-up beyond the module's own, ms", (r.start_recorded - r.start_direct) / 1e6, 10, false},
  };
  if (std::thread::hardware_concurrency() >= 2)
    all.push_back({"calls of 2 threads, as a multiple of 1 thread", scaling(tape, 1, 2), 1.8, true});
  if (const auto* spy = r.find(spy_name)) {
    all.push_back({"pkcs11-spy's C_GetSessionInfo, as a multiple of ours", added(r, *spy, info) / added(r, tape, info),
                   12, true});
    all.push_back(
        {"pkcs11-spy's C_Sign, as a multiple of ours", added(r, *spy, sign) / added(r, tape, sign), 50, true});
    if (const auto* log = r.find(log_name))
      all.push_back({"C_Sign with the live log, as a multiple of pkcs11-spy's",
                     added(r, *log, sign) / added(r, *spy, sign), 1, false});
  }
  return all;
}

std::string as_text(const results& r) {
  const double floor = floor_of(r);
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out,
                 "Two readings of the clock, the minimum cost of any recorder that measures durations: {} ns.\n"
                 "\n",
                 ns(floor));

  fmt::format_to(out,
                 "Added to each call, in ns (and as a multiple of that minimum):\n"
                 "\n"
                 "|  |");
  const auto calls = workloads().subspan(1);
  for (const auto& w : calls) fmt::format_to(out, " {} |", w.name);
  fmt::format_to(out, "\n|---|");
  for (std::size_t i = 0; i < calls.size(); ++i) fmt::format_to(out, "---|");
  for (const auto& v : r.variants) {
    if (v.name == direct_name) continue;
    fmt::format_to(out, "\n| {} |", v.name);
    for (const auto& w : calls) {
      const double n = added(r, v.figures, w.name);
      fmt::format_to(out, " {} ({:.1f}) |", ns(n), n < 0 ? 0 : n / floor);
    }
  }

  fmt::format_to(out, "\n\nA call as the application sees it, in ns: p50 / p99 / p99.9 / worst:\n\n|  |");
  for (const auto& w : calls) fmt::format_to(out, " {} |", w.name);
  fmt::format_to(out, "\n|---|");
  for (std::size_t i = 0; i < calls.size(); ++i) fmt::format_to(out, "---|");
  for (const auto& v : r.variants) {
    fmt::format_to(out, "\n| {} |", v.name);
    for (const auto& w : calls) {
      const auto& l = v.figures.workloads.find(w.name)->second;
      fmt::format_to(out, " {} / {} / {} / {} |", ns(l.p50), ns(l.p99), ns(l.p999), ns(l.worst));
    }
  }

  fmt::format_to(out,
                 "\n"
                 "\n"
                 "Millions of C_GetSessionInfo per second, all threads together:\n"
                 "\n"
                 "|  | 1 thread | 2 | 8 |\n");
  fmt::format_to(out, "|---|---|---|---|");
  for (const auto& v : r.variants) {
    fmt::format_to(out, "\n| {} |", v.name);
    for (const auto& [threads, n] : v.figures.throughput) fmt::format_to(out, " {:.2f} |", n / 1e6);
  }

  fmt::format_to(out, "\n\n| target | measured | wanted | |\n|---|---|---|---|\n");
  for (const auto& t : targets(r))
    fmt::format_to(out, "| {} | {:.2f} | {} {} | {} |\n", t.what, t.is, t.at_least ? "≥" : "≤", t.wanted,
                   t.met() ? "met" : "MISSED");
  return text;
}

nlohmann::json as_json(const results& r) {
  nlohmann::json all{{"floor_ns", floor_of(r)},
                     {"tape_bytes_of_sign", r.tape_bytes},
                     {"start_ns", {{"direct", r.start_direct}, {"recorded", r.start_recorded}}}};
  for (const auto& v : r.variants) {
    nlohmann::json figures = v.figures;
    figures["name"] = v.name;
    all["variants"].push_back(figures);
  }
  for (const auto& t : targets(r))
    all["targets"].push_back(
        {{"what", t.what}, {"is", t.is}, {t.at_least ? "min" : "max", t.wanted}, {"met", t.met()}});
  return all;
}

}  // namespace p11tape::bench
