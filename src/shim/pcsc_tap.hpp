// SPDX-License-Identifier: Apache-2.0
// The PC/SC tap: redirects a module's calls of PC/SC to wrappers that record them, with nothing but the module's own
// relocation slots changed: no preloading, no environment variable, no second file.
//
// - Only the module, what it was linked with, and that again, is looked at; and of these only objects that import or
// spell
//   SCardTransmit. A module that does neither is left as it is, and costs nothing after its start.
// - A slot is one pointer, written atomically. Where the loader has made its page read-only, the page is writable for
//   that moment, and never executable.
// - Never touched: PC/SC libraries themselves (newer ones look up a library of their own by dlsym), libc, the loader.
// - Nothing is ever taken back: modules keep what dlsym gave them. So this shared object is never unloaded.
//
// What it cannot see: PC/SC linked statically or kept from before the shim came (looked up in a static initialiser of
// the module, or by a host that has initialised the module itself), readers driven without PC/SC, other processes.
#pragma once

#include <cstdint>

namespace p11tape::shim {

enum class pcsc_use : std::uint8_t {
  unused,   ///< the module does not name SCardTransmit
  unknown,  ///< it may, in more constants than are looked at, or in what it loads later
  used,
};

/// Puts the tap into a module that has just been loaded with RTLD_NOW.
pcsc_use tap_module(void* handle) noexcept;

/// The same for what a module has loaded itself. Only what names SCardTransmit is tapped.
void tap_opened(void* handle) noexcept;

}  // namespace p11tape::shim
