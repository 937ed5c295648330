// SPDX-License-Identifier: Apache-2.0
// The kinds of logs. Each is defined in the file of its reader.
#pragma once

#include "import/reader.hpp"

namespace p11tape::import {

extern const log_kind spy_log;
extern const log_kind logger_log;
extern const log_kind shim_log;
extern const log_kind opensc_log;
extern const log_kind p11kit_log;
extern const log_kind nss_log;
extern const log_kind nshield_log;
extern const log_kind provider_log;
extern const log_kind java_log;
extern const log_kind ykcs11_log;
extern const log_kind tpm2_log;
extern const log_kind cryptoauth_log;
extern const log_kind keychain_log;
extern const log_kind helper_log;
extern const log_kind oasis_log;

}  // namespace p11tape::import
