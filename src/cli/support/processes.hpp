// SPDX-License-Identifier: Apache-2.0
// Running processes, seen from outside: which copies of p11tape.so they have loaded, and which tapes they write.
//
// All of it comes from /proc/PID, and paths are looked up in the process's own root, so that containers and services
// with a private /tmp are seen as well. Of other users' processes only root sees anything.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "p11tape/tape.hpp"

namespace p11tape::cli {

struct written_tape {
  std::string path;                      ///< as the process knows it
  std::unique_ptr<tape::reader> reader;  ///< null for a tape that the caller knows already
};

/// The process ids of this moment, in order.
std::vector<int> process_ids();

/// The executable's path; "" where it cannot be seen, which `denied` tells apart from a process that is gone.
std::string program_path(int pid, bool& denied);

/// Calls `each` for every process whose program can be seen. Returns how many there are whose program cannot.
std::size_t for_each_process(const std::function<void(int pid, const std::string& program)>& each);

/// Says on standard error that so many processes could not be examined; nothing for none.
void report_hidden_processes(std::size_t count);

struct mapped_object {
  std::string path;      ///< in the process's own root
  bool deleted = false;  ///< the file is no longer there, or was replaced
};

/// The shared objects that the process has mapped.
std::vector<mapped_object> mapped_objects(int pid);

/// The copies of p11tape.so that the process has loaded, as paths in its own root.
std::vector<std::string> loaded_shims(int pid);

/// The tapes that the process writes. Those of which `known` says so are named, and not opened.
std::vector<written_tape> written_tapes(int pid, const std::function<bool(const std::string& path)>& known = {});

bool is_running(int pid);

}  // namespace p11tape::cli
