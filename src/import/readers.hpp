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

}  // namespace p11tape::import
