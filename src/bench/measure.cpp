// SPDX-License-Identifier: Apache-2.0
#include "bench/measure.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/workload.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace p11tape::bench {
namespace {

using steady = std::chrono::steady_clock;

double ns_since(steady::time_point start) {
  return std::chrono::duration<double, std::nano>(steady::now() - start).count();
}

// Ticks of the finest clock that the processor has.
std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  unsigned ignored;
  return __rdtscp(&ignored);
#else
  return static_cast<std::uint64_t>(steady::now().time_since_epoch().count());
#endif
}

double ns_per_tick() {
  static const double value = [] {
    const auto start = steady::now();
    const auto first = ticks();
    while (ns_since(start) < 20e6) {
    }
    return ns_since(start) / static_cast<double>(ticks() - first);
  }();
  return value;
}

// What disturbs a measurement makes it longer, never shorter.
double lower_quartile(std::vector<double>& values) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 4);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

struct effort {
  double block_ns;  // one block of calls
  int blocks;
  std::size_t samples;  // calls that are timed one by one, at most
  double samples_ns;    // and at most for so long
  double throughput_ns;
};
constexpr effort thorough{1e6, 60, 200000, 250e6, 150e6};
constexpr effort hasty{0.2e6, 5, 2000, 10e6, 5e6};

// Of this thread: what else runs on the machine does not count.
double processor_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double mean_of(const workload& w, workspace& space, const effort& e) {
  // The size of a block is found by doubling it.
  std::uint64_t calls = 16;
  const auto block = [&] {
    const auto start = processor_ns();
    for (std::uint64_t i = 0; i < calls; ++i) w.call(space);
    return processor_ns() - start;
  };
  while (block() < e.block_ns) calls *= 2;
  std::vector<double> means;
  means.reserve(static_cast<std::size_t>(e.blocks));
  for (int i = 0; i < e.blocks; ++i) means.push_back(block() / static_cast<double>(calls));
  return lower_quartile(means);
}

latency latency_of(const workload& w, workspace& space, const effort& e) {
  static std::vector<std::uint64_t> samples;
  samples.assign(e.samples, 0);  // touched now, not while measuring
  std::uint64_t own = ~std::uint64_t{0};
  for (int i = 0; i < 1000; ++i) {
    const auto start = ticks();
    own = std::min(own, ticks() - start);
  }
  latency l;
  l.mean = mean_of(w, space, e);
  const auto begin = steady::now();
  std::size_t n = 0;
  while (n < e.samples && (n % 256 != 0 || ns_since(begin) < e.samples_ns)) {
    const auto start = ticks();
    w.call(space);
    samples[n++] = ticks() - start;
  }
  samples.resize(n);
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double share) {
    const auto index = std::min(n - 1, static_cast<std::size_t>(share * static_cast<double>(n)));
    return static_cast<double>(samples[index] - std::min(own, samples[index])) * ns_per_tick();
  };
  l.p50 = at(0.5);
  l.p99 = at(0.99);
  l.p999 = at(0.999);
  l.worst = at(1);
  return l;
}

double throughput_of(const workload& w, const CK_FUNCTION_LIST* list, int threads, const effort& e) {
  std::atomic<int> waiting{threads};
  std::atomic<bool> stop{false};
  std::vector<std::thread> crew;
  crew.reserve(static_cast<std::size_t>(threads));
  std::vector<std::uint64_t> calls(static_cast<std::size_t>(threads) * 16);  // a cache line each
  for (int t = 0; t < threads; ++t)
    crew.emplace_back([&, t] {
      const auto space = std::make_unique<workspace>(list);
      for (int i = 0; i < 64; ++i) w.call(*space);
      --waiting;
      while (waiting.load() > 0) std::this_thread::yield();
      std::uint64_t done = 0;
      for (; !stop.load(std::memory_order_relaxed); done += 64)
        for (int i = 0; i < 64; ++i) w.call(*space);
      calls[static_cast<std::size_t>(t) * 16] = done;
    });
  while (waiting.load() > 0) std::this_thread::yield();
  const auto start = steady::now();
  std::this_thread::sleep_for(std::chrono::nanoseconds(static_cast<std::int64_t>(e.throughput_ns)));
  stop = true;
  for (auto& t : crew) t.join();
  const double elapsed = ns_since(start);
  double total = 0;
  for (const auto n : calls) total += static_cast<double>(n);
  return total / elapsed * 1e9;
}

CK_FUNCTION_LIST* load(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(dlerror());
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(handle, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  if (get == nullptr || get(&list) != CKR_OK || list == nullptr)
    throw std::runtime_error(path + " returns no function list");
  return list;
}

}  // namespace

namespace {

const workload& named(std::string_view name) {
  for (const auto& w : workloads())
    if (w.name == name) return w;
  throw std::runtime_error("no workload has the name " + std::string(name));
}

}  // namespace

measured measure(const std::string& path, bool quick) {
  const auto& e = quick ? hasty : thorough;
  CK_FUNCTION_LIST* list = load(path);
  if (list->C_Initialize(nullptr) != CKR_OK) throw std::runtime_error("C_Initialize of " + path + " fails");
  measured m;
  const auto space = std::make_unique<workspace>(list);
  for (const auto& w : workloads()) m.workloads.emplace(w.name, latency_of(w, *space, e));
  for (const int threads : {1, 2, 8}) m.throughput[threads] = throughput_of(workloads()[1], list, threads, e);
  list->C_Finalize(nullptr);
  return m;
}

void few_calls(const std::string& path, const std::string& name) {
  const auto space = std::make_unique<workspace>(load(path));
  const auto& w = named(name);
  for (int i = 0; i < 2000; ++i) w.call(*space);
}

long_run run_long(const std::string& path, const std::string& name, const long_options& how) {
  const auto space = std::make_unique<workspace>(load(path));
  const auto& w = named(name);
  long_run r;
  r.bytes = how.bytes;
  r.floor = mean_of(named(floor_name), *space, hasty);
  const auto mean_over = [&](auto&& goes_on) {
    std::uint64_t calls = 0;
    const auto start = processor_ns();
    for (; goes_on(calls); calls += 1000)
      for (int i = 0; i < 1000; ++i) w.call(*space);
    return (processor_ns() - start) / static_cast<double>(calls);
  };
  const double growing = (how.quick ? 20 : 200) * 1048576.0 / (how.bytes > 0 ? how.bytes : 64);
  r.growing = mean_over([&](std::uint64_t calls) { return static_cast<double>(calls) < growing; });
  if (!how.growing_only) {
    const auto start = steady::now();
    const double wanted_ns = how.bytes > 0 && !how.quick ? 60e9 : 1e9;
    r.recycled = mean_over([&](std::uint64_t calls) { return calls == 0 || ns_since(start) < wanted_ns; });
  }
  r.floor = std::min(r.floor, mean_of(named(floor_name), *space, hasty));
  return r;
}

double measure_start(const std::string& path) {
  const auto start = steady::now();
  load(path);
  return ns_since(start);
}

}  // namespace p11tape::bench
