// SPDX-License-Identifier: Apache-2.0
// Running processes, seen from outside: which copies of p11tape.so they have loaded, and which tapes they write.
//
// All of it comes from /proc/PID, and paths are looked up in the process's own root, so that containers and services
// with a private /tmp are seen as well. Of other users' processes only root sees anything.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "p11tape/tape.hpp"

namespace p11tape::cli {

struct written_tape {
  std::string path;  ///< as the process knows it
  std::unique_ptr<tape::reader> reader;
};

/// The process ids of this moment, in order.
std::vector<int> process_ids();

/// The executable's path; "" where it cannot be seen, which `denied` tells apart from a process that is gone.
std::string program_path(int pid, bool& denied);

struct mapped_object {
  std::string path;      ///< in the process's own root
  bool deleted = false;  ///< the file is no longer there, or was replaced
};

/// The shared objects that the process has mapped.
std::vector<mapped_object> mapped_objects(int pid);

/// The copies of p11tape.so that the process has loaded, as paths in its own root.
std::vector<std::string> loaded_shims(int pid);

/// The tapes that the process writes.
std::vector<written_tape> written_tapes(int pid);

bool is_running(int pid);

}  // namespace p11tape::cli
