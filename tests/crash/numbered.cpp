// SPDX-License-Identifier: Apache-2.0
#include "numbered.hpp"

#include <sys/mman.h>

#include <cstring>

#include "model/call_stream.hpp"

namespace p11tape::crash {
namespace {

constexpr unsigned thread_shift = 40;

struct buffers {
  CK_SESSION_INFO info{};
  CK_BYTE data[32]{};
  CK_BYTE signature[256]{};
  CK_OBJECT_CLASS object_class = CKO_DATA;
  CK_BYTE large[8 * 1024]{};
  CK_ATTRIBUTE small[3] = {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, data, 20}, {CKA_LABEL, data, 9}};
  CK_ATTRIBUTE huge[3] = {{CKA_ID, large, sizeof large}, {CKA_SUBJECT, large, sizeof large}, {CKA_LABEL, large, 8000}};
};

void call(const CK_FUNCTION_LIST* list, unsigned thread, std::uint64_t n, buffers& b) {
  const CK_SESSION_HANDLE h = std::uint64_t{thread} << thread_shift | n;
  CK_ULONG size = sizeof b.signature;
  switch (n % 8) {
    case 0:
      if (n % large_call_every == 0) {
        list->C_GetAttributeValue(h, n, b.huge, 3);
      } else {
        list->C_GetAttributeValue(h, n, b.small, 3);
      }
      break;
    case 1:
      list->C_FindObjectsInit(h, b.small, 3);  // to the kept part
      break;
    case 2:
    case 3:
    case 4:
      list->C_Sign(h, b.data, sizeof b.data, b.signature, &size);
      break;
    default:
      list->C_GetSessionInfo(h, &b.info);
  }
}

}  // namespace

acknowledged& acknowledgements() {
  static auto* const page = static_cast<acknowledged*>(
      mmap(nullptr, sizeof(acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  for (auto& last : page->last) last = 0;
  page->newest = 0;
  return *page;
}

void call_for_ever(const CK_FUNCTION_LIST* list, unsigned thread, acknowledged& acks) {
  auto b = std::make_unique<buffers>();
  for (std::uint64_t n = 1;; ++n) {
    call(list, thread, n, *b);
    acks.last[thread].store(n, std::memory_order_release);
    acks.newest.store(thread, std::memory_order_relaxed);
  }
}

void call_numbered(const CK_FUNCTION_LIST* list, unsigned thread, std::uint64_t first, std::uint64_t last) {
  auto b = std::make_unique<buffers>();
  for (std::uint64_t n = first; n <= last; ++n) call(list, thread, n, *b);
}

told read(const std::filesystem::path& path) {
  const tape::reader reader(path.string());
  told t;
  model::call_stream stream(reader);
  while (const auto* const c = stream.next()) {
    ++t.calls;
    const auto name = c->function != nullptr ? std::string(c->function->name) : "?";
    if (c->state == tape::call_state::in_flight) ++t.in_flight[name];
    const auto handle = c->begun() ? c->arguments().word(0) : 0;
    const bool numbered = handle >> thread_shift != 0;
    if (!numbered) {
      ++t.others[name];
      continue;
    }
    const auto thread = static_cast<unsigned>(handle >> thread_shift);
    const auto n = handle & ((std::uint64_t{1} << thread_shift) - 1);
    t.begun[thread].insert(n);
    if (c->state == tape::call_state::returned) t.returned[thread].insert(n);
  }
  t.threads = reader.threads().size();
  t.header = reader.header();
  t.damage = reader.damage();
  return t;
}

told read_only(const std::filesystem::path& folder) {
  const auto all = contract::tapes(folder);
  REQUIRE(all.size() == 1);
  return read(all[0]);
}

void check_sound(const told& t) {
  CHECK(t.damage.skipped_bytes == 0);
  CHECK(t.damage.cut_chunks == 0);
  CHECK(t.damage.bad_records == 0);
  CHECK(t.damage.overwritten == 0);
  for (const auto& note : t.damage.notes) FAIL_CHECK(note);
}

}  // namespace p11tape::crash
