# SPDX-License-Identifier: Apache-2.0
# p11tape swap and restore: a real client is recorded through a configuration that was changed and is put back.
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mq_ini 'mytoken (UserPIN)'
cp -p mqclient.ini original
expect 0 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/c" --dry-run
says "+   SSLCryptoHardware=GSK_PKCS11=$work/c/p11mq.so"
cmp mqclient.ini original || fail 'a dry run changed the file'
expect 0 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/c" --dir "$work/tapes"
says 'Restart:'
expect 0 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/c"
says 'already in place'
expect 1 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/c" --dir "$work/elsewhere"
says "its tapes go to $work/tapes, not to $work/elsewhere"
[[ ! -e elsewhere ]] || fail 'a refused swap made a directory'
expect 1 swap --mq-ini mqclient.ini --shim "$shim" --into "$work/d"
says 'restore first'
expect 0 doctor --mq-ini mqclient.ini
says 'The recorder is in place'
"${instrumented[@]}" pkcs11-tool --module "$work/c/p11mq.so" --list-token-slots > listed
grep -q 'mytoken (UserPIN)' listed || fail 'the client does not see the token through the copy'
expect 0 show tapes
says 'C_GetTokenInfo'
expect 0 restore --mq-ini mqclient.ini --remove-copy
cmp mqclient.ini original || fail 'restore did not put the same bytes back'
[[ $(stat -c '%a %Y' mqclient.ini) == $(stat -c '%a %Y' original) ]] || fail 'mode or time changed'
[[ -z $(ls "$work/c") ]] || fail 'the copy is still there'
expect 0 restore --mq-ini mqclient.ini

# Two clients, two modules, one folder: the second of a kind is refused, another kind has its own copy.
printf 'name = x\nlibrary = %s\n' "$module" > java.cfg
expect 0 swap --mq-ini mqclient.ini --java java.cfg --shim "$shim" --into "$work/c"
[[ -e c/p11mq.so && -e c/p11java.so ]] || fail 'not each client has its copy'
printf 'name = y\nlibrary = /usr/lib/other.so\n' > other.cfg
expect 1 swap --java other.cfg --shim "$shim" --into "$work/c"
says 'already records another module'
expect 0 restore --mq-ini mqclient.ini --java java.cfg
cmp mqclient.ini original || fail 'restore did not put the same bytes back'

expect 0 swap --sslcryp "GSK_PKCS11=$module;bob's;$pin;SYMMETRIC_CIPHER_ON;" --shim "$shim" --into "$work/c"
says "ALTER QMGR SSLCRYP('GSK_PKCS11=$work/c/p11mq.so;bob''s;<password>;SYMMETRIC_CIPHER_ON;')"
# The way back from the string that was saved before the swap, and from what MQ shows after it.
expect 0 restore --sslcryp "GSK_PKCS11=$module;bob's;$pin;SYMMETRIC_CIPHER_ON;"
says "ALTER QMGR SSLCRYP('GSK_PKCS11=$module;bob''s;<password>;SYMMETRIC_CIPHER_ON;')"
expect 0 restore --sslcryp "GSK_PKCS11=$work/c/p11mq.so;bob's;$pin;SYMMETRIC_CIPHER_ON;"
says "ALTER QMGR SSLCRYP('GSK_PKCS11=$module;bob''s;<password>;SYMMETRIC_CIPHER_ON;')"

# The directory of the tapes: made for the user of the client, or refused.
printf 'name = z\nlibrary = %s\n' "$module" > third.cfg
expect 1 swap --java third.cfg --shim "$shim" --into "$work/e" --dir "$work/no/such/tapes"
says 'the directory above it does not exist'
mkdir -m 0555 closed
if [[ $(id -u) -eq 0 ]]; then
  expect 1 swap --java third.cfg --shim "$shim" --into "$work/e" --dir "$work/closed" --user nobody
  says 'user nobody, who runs the client, cannot write there'
  expect 0 swap --java third.cfg --shim "$shim" --into "$work/e" --dir "$work/given" --user nobody
  [[ $(stat -c '%U %a' given) == 'nobody 700' ]] || fail "the directory is of $(stat -c '%U %a' given)"
  expect 0 restore --java third.cfg --remove-copy
fi
expect 64 swap
expect 2 swap --mq-ini /not/there.ini --shim "$shim"
