# SPDX-License-Identifier: Apache-2.0
# For the clients that read an NSS database.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what lib.sh reads, and what it sets
need certutil modutil

configuration=(.pki/nssdb/pkcs11.txt)

# nss_database: ~/.pki/nssdb, with the module of the snippet, and the token's certificate as one that is trusted.
nss_database() {
  mkdir -p .pki/nssdb
  certutil -N -d sql:.pki/nssdb --empty-password
  certutil -A -d sql:.pki/nssdb -n server -t C,, -i certificate.pem
  {
    echo
    snippet nss-pkcs11.txt
  } >>.pki/nssdb/pkcs11.txt
}
wrong_module() { sed -i 's|^library=/.*|library=/nowhere/libmodule.so|' .pki/nssdb/pkcs11.txt; }
