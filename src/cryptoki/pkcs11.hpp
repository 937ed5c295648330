// SPDX-License-Identifier: Apache-2.0
// The one place that chooses the PKCS#11 header: our own, or OASIS's where P11TAPE_CRYPTOKI_INCLUDE_DIR names their
// folder.
#pragma once

#ifdef P11TAPE_OASIS_HEADER
#define CK_PTR *
#define CK_DECLARE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type(*name)
#define CK_CALLBACK_FUNCTION(type, name) type(*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#include <pkcs11.h>
#else
#include <p11tape/pkcs11.h>
#endif

/// What callers pass to CKM_AES_GCM and no edition of the header has: the layout of the drafts before 2.40, in which
/// the IV's length in bits was not told.
struct CK_GCM_PARAMS_WITHOUT_IV_BITS {
  CK_BYTE_PTR pIv;
  CK_ULONG ulIvLen;
  CK_BYTE_PTR pAAD;
  CK_ULONG ulAADLen;
  CK_ULONG ulTagBits;
};
