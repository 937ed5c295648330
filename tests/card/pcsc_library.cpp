// SPDX-License-Identifier: Apache-2.0
// A whole PC/SC in one library, with one reader and one card in it: no daemon, no socket, no root.
//
// It has the SONAME libpcsclite.so.1, so that a process that has loaded it gets it wherever a module asks for PC/SC:
// the loader compares names with the SONAMEs of what is there. VIRTUAL_CARD says which card: piv, or sc-hsm.
#include "pcsc_library.hpp"

#include <reader.h>
#include <winscard.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>

#include "card.hpp"

#pragma GCC visibility push(default)
extern "C" {
p11tape::virtual_card::reader virtual_reader{};
extern const SCARD_IO_REQUEST g_rgSCardT0Pci, g_rgSCardT1Pci, g_rgSCardRawPci;
const SCARD_IO_REQUEST g_rgSCardT0Pci{SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardT1Pci{SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardRawPci{SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};
}
#pragma GCC visibility pop

namespace {

using namespace p11tape::virtual_card;

// ykcs11 wants "Yubi" in the name.
constexpr char name[] = "Yubico YubiKey Virtual 00 00";
std::mutex one_at_a_time;

card& inserted() {
  static const auto the_card = [] {
    const char* const which = std::getenv("VIRTUAL_CARD");
    auto made = make_card(which != nullptr ? which : "piv");
    if (made == nullptr) std::abort();
    return made;
  }();
  return *the_card;
}

// The usual ways to give a variable amount: ask for the size, into a buffer, or into memory that the library allocates.
LONG give(const void* from, DWORD size, void* to, DWORD* room) {
  if (room == nullptr) return SCARD_S_SUCCESS;
  const DWORD have = *room;
  *room = size;
  if (to == nullptr) return SCARD_S_SUCCESS;
  if (have == SCARD_AUTOALLOCATE) {
    void* const memory = std::malloc(size);
    std::memcpy(memory, from, size);
    std::memcpy(to, &memory, sizeof memory);
    return SCARD_S_SUCCESS;
  }
  if (have < size) return SCARD_E_INSUFFICIENT_BUFFER;
  std::memcpy(to, from, size);
  return SCARD_S_SUCCESS;
}

LONG give_names(char* to, DWORD* room) {
  char names[sizeof name + 1] = {};
  std::memcpy(names, name, sizeof name);
  return give(names, sizeof names, to, room);
}

bool removed() { return virtual_reader.now == trouble::removed; }

// What is wrong with the card, for calls that need one.
LONG state() {
  auto is_reset = trouble::reset;
  if (virtual_reader.now.compare_exchange_strong(is_reset, trouble::none)) {
    const std::lock_guard lock(one_at_a_time);
    inserted().reset();
    return SCARD_W_RESET_CARD;
  }
  if (virtual_reader.now == trouble::exclusive) return SCARD_E_SHARING_VIOLATION;
  return removed() ? SCARD_W_REMOVED_CARD : SCARD_S_SUCCESS;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

LONG SCardEstablishContext(DWORD, LPCVOID, LPCVOID, LPSCARDCONTEXT context) {
  *context = 0x1001;
  return SCARD_S_SUCCESS;
}
LONG SCardReleaseContext(SCARDCONTEXT) { return SCARD_S_SUCCESS; }
LONG SCardIsValidContext(SCARDCONTEXT) { return SCARD_S_SUCCESS; }
LONG SCardCancel(SCARDCONTEXT) { return SCARD_S_SUCCESS; }

LONG SCardConnect(SCARDCONTEXT, LPCSTR reader, DWORD, DWORD protocols, LPSCARDHANDLE handle, LPDWORD protocol) {
  if (std::strcmp(reader, name) != 0) return SCARD_E_UNKNOWN_READER;
  if (removed()) return SCARD_E_NO_SMARTCARD;
  if (const LONG rv = state(); rv != SCARD_S_SUCCESS) return rv;
  *handle = 0x2001;
  *protocol = (protocols & SCARD_PROTOCOL_T1) != 0 ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0;
  return SCARD_S_SUCCESS;
}

LONG SCardReconnect(SCARDHANDLE, DWORD, DWORD, DWORD how, LPDWORD protocol) {
  if (const LONG rv = state(); rv != SCARD_S_SUCCESS) return rv;
  *protocol = SCARD_PROTOCOL_T1;
  if (how != SCARD_LEAVE_CARD) {
    const std::lock_guard lock(one_at_a_time);
    inserted().reset();
  }
  return SCARD_S_SUCCESS;
}

LONG SCardDisconnect(SCARDHANDLE, DWORD) { return SCARD_S_SUCCESS; }
LONG SCardBeginTransaction(SCARDHANDLE) { return state(); }
LONG SCardEndTransaction(SCARDHANDLE, DWORD) { return removed() ? SCARD_W_REMOVED_CARD : SCARD_S_SUCCESS; }

LONG SCardStatus(SCARDHANDLE, LPSTR reader, LPDWORD reader_size, LPDWORD how, LPDWORD protocol, LPBYTE atr,
                 LPDWORD atr_size) {
  if (const LONG rv = state(); rv != SCARD_S_SUCCESS) return rv;
  if (how != nullptr) *how = SCARD_PRESENT | SCARD_POWERED | SCARD_SPECIFIC;
  if (protocol != nullptr) *protocol = SCARD_PROTOCOL_T1;
  const auto answer = inserted().atr();
  give(answer.data(), answer.size(), atr, atr_size);
  give_names(reader, reader_size);
  return SCARD_S_SUCCESS;
}

LONG SCardGetStatusChange(SCARDCONTEXT, DWORD timeout, SCARD_READERSTATE* states, DWORD count) {
  bool changed = false;
  const auto answer = inserted().atr();
  for (DWORD i = 0; i < count; ++i) {
    auto& s = states[i];
    const bool ours = std::strcmp(s.szReader, name) == 0;
    const bool any = s.szReader[0] == '\\';  // "\\?PnP?\Notification"
    DWORD state = any ? SCARD_STATE_UNAWARE : SCARD_STATE_UNKNOWN;
    if (ours) state = removed() ? SCARD_STATE_EMPTY : SCARD_STATE_PRESENT;
    if (state == SCARD_STATE_PRESENT) {
      std::memcpy(s.rgbAtr, answer.data(), answer.size());
      s.cbAtr = answer.size();
    }
    constexpr DWORD compared = 0xffff & ~DWORD{SCARD_STATE_CHANGED | SCARD_STATE_INUSE};
    if ((s.dwCurrentState & compared) != state) {
      state |= SCARD_STATE_CHANGED;
      changed = true;
    }
    s.dwEventState = state;
  }
  if (changed) return SCARD_S_SUCCESS;
  const DWORD wait = timeout == INFINITE ? 1000 : timeout;
  const timespec pause{static_cast<time_t>(wait / 1000), static_cast<long>(wait % 1000) * 1000000};
  nanosleep(&pause, nullptr);
  return SCARD_E_TIMEOUT;
}

// A reader with a PIN pad of the kind that tells its features and then refuses them.
LONG SCardControl(SCARDHANDLE, DWORD, LPCVOID, DWORD, LPVOID, DWORD, LPDWORD got) {
  if (got != nullptr) *got = 0;
  return SCARD_E_UNSUPPORTED_FEATURE;
}

LONG SCardTransmit(SCARDHANDLE, const SCARD_IO_REQUEST*, LPCBYTE sent, DWORD size, SCARD_IO_REQUEST*, LPBYTE received,
                   LPDWORD room) {
  if (virtual_reader.now == trouble::broken) return SCARD_F_COMM_ERROR;
  if (removed()) return SCARD_W_REMOVED_CARD;
  if (const unsigned wait = virtual_reader.milliseconds; wait != 0) {
    const timespec pause{wait / 1000, static_cast<long>(wait % 1000) * 1000000};
    nanosleep(&pause, nullptr);
  }
  const std::lock_guard lock(one_at_a_time);
  ++virtual_reader.transmitted;
  const auto answer = inserted().transmit(bytes(sent, sent + size));
  return give(answer.data(), answer.size(), received, room);
}

LONG SCardListReaderGroups(SCARDCONTEXT, LPSTR groups, LPDWORD room) {
  constexpr char all[] = "SCard$DefaultReaders\0";
  return give(all, sizeof all, groups, room);
}
LONG SCardListReaders(SCARDCONTEXT, LPCSTR, LPSTR readers, LPDWORD room) { return give_names(readers, room); }
LONG SCardFreeMemory(SCARDCONTEXT, LPCVOID memory) {
  std::free(const_cast<void*>(memory));
  return SCARD_S_SUCCESS;
}
LONG SCardGetAttrib(SCARDHANDLE, DWORD, LPBYTE, LPDWORD) { return SCARD_E_UNSUPPORTED_FEATURE; }
LONG SCardSetAttrib(SCARDHANDLE, DWORD, LPCBYTE, DWORD) { return SCARD_E_UNSUPPORTED_FEATURE; }
const char* pcsc_stringify_error(const LONG) { return "an error of the virtual reader"; }

}  // extern "C"
#pragma GCC visibility pop
