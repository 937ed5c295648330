// SPDX-License-Identifier: Apache-2.0
// Wrappers around the functions of PC/SC: they forward, and tell capture/encode/exchange.hpp before and after.
//
// A process may hold more than one PC/SC library, and each wrapper belongs to one function of one library: so there are
// several wrappers of each function, and each is given out for one real function. A library that is gone gives its
// wrappers back: OpenSC unloads and reloads its own with every C_Finalize and C_Initialize, at ever new addresses.
#pragma once

namespace p11tape::shim {

/// The wrapper of the function `name` that lies at `real`. nullptr where the name is none of ours; `real` itself where
/// it is a wrapper already, or where too many libraries are in the process at once.
void* pcsc_wrapper(const char* name, void* real) noexcept;

}  // namespace p11tape::shim
