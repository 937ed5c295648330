// SPDX-License-Identifier: Apache-2.0
// The replay's own questions to the module, asked on a thread of their own that has tape::lookup_thread_name: in a
// recording of the replay they are told apart from the calls of the tape by their thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace p11tape::replay {

class lookup_thread {
 public:
  lookup_thread() = default;
  ~lookup_thread();
  lookup_thread(const lookup_thread&) = delete;
  lookup_thread& operator=(const lookup_thread&) = delete;

  /// Does the job on the thread, and returns when it is done. One at a time.
  void ask(const std::function<void()>& job);

 private:
  void work();

  std::mutex one_, guard_;
  std::condition_variable changed_;
  const std::function<void()>* job_ = nullptr;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace p11tape::replay
