// SPDX-License-Identifier: Apache-2.0
#include "replay/lookup.hpp"

#include <sys/prctl.h>

#include "p11tape/layout.hpp"

namespace p11tape::replay {

lookup_thread::~lookup_thread() {
  {
    const std::lock_guard hold(guard_);
    end_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void lookup_thread::ask(const std::function<void()>& job) {
  const std::lock_guard alone(one_);
  std::unique_lock hold(guard_);
  job_ = &job;
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
  changed_.wait(hold, [&] { return job_ == nullptr; });
}

void lookup_thread::work() {
  prctl(PR_SET_NAME, tape::lookup_thread_name);
  std::unique_lock hold(guard_);
  for (;;) {
    changed_.wait(hold, [&] { return end_ || job_ != nullptr; });
    if (end_) return;
    const auto* const job = job_;
    hold.unlock();
    (*job)();
    hold.lock();
    job_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace p11tape::replay
