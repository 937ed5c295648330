// SPDX-License-Identifier: Apache-2.0
// read_tape TAPE: the number of records of each function on a tape, by the installed reader of p11tape.
#include <cstdio>
#include <map>
#include <p11tape/tape.hpp>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: read_tape TAPE\n");
    return 64;
  }
  try {
    const p11tape::tape::reader tape(argv[1]);
    std::map<std::string, unsigned> records;
    for (std::size_t thread = 0; thread < tape.threads().size(); ++thread) {
      p11tape::tape::record_view record;
      for (auto cursor = tape.records(thread); cursor.next(record);)
        if (const auto* function = tape.rows().function(record.function)) ++records[std::string(function->name)];
    }
    for (const auto& [name, count] : records) std::printf("%7u  %s\n", count, name.c_str());
    return 0;
  } catch (const p11tape::tape::tape_error& error) {
    std::fprintf(stderr, "read_tape: %s\n", error.what());
    return 2;
  }
}
