# SPDX-License-Identifier: Apache-2.0
# A client that does not know about sanitizers can load an instrumented p11tape.so only with the sanitizer's runtime loaded first:
# P11TAPE_TEST_PRELOAD names it (tools/check sets it), and is preloaded into the clients alone. Leaks are looked for in our own
# programs; clients have leaks of their own.
# shellcheck shell=bash disable=SC2034 # for those who source this
no_leaks="ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0"
instrumented=(env "$no_leaks" ${P11TAPE_TEST_PRELOAD:+"LD_PRELOAD=$P11TAPE_TEST_PRELOAD"}) # in front of such a client
