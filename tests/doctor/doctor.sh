# SPDX-License-Identifier: Apache-2.0
# p11tape doctor: what it finds, what it says, how it ends.
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mq_ini 'UserPIN (mytoken)'
expect 1 doctor
says "$work/mqclient.ini (in the current directory)"
says '(P9g)'
says 'Configure exactly "mytoken (UserPIN)"'
says 'AMQ9669E'

mq_ini 'mytoken (UserPIN)'
expect 0 doctor --mq-ini mqclient.ini
says 'The token label matches'
silent_on 'login'
GOOD=$pin expect 0 doctor --mq-ini mqclient.ini --pin env:GOOD
says 'The login succeeded'
echo 'wrong-pin' > wrong
expect 1 doctor --mq-ini mqclient.ini --pin file:wrong
says 'CKR_PIN_INCORRECT'
silent_on 'wrong-pin'
expect 2 doctor --mq-ini mqclient.ini --pin "$pin"
says 'must not be on the command line'

# The string in its other places, from a variable, and the output of a queue manager through a pipe.
MQSSLCRYP="GSK_PKCS11=$module;mytoken;$pin;" expect 1 doctor --sslcryp env:MQSSLCRYP
says '(P9j)'
expect 2 doctor --sslcryp 'nonsense'
echo "   SSLCRYP(GSK_PKCS11=$module;mytoken (UserPIN);$pin;SYMMETRIC_CIPHER_OFF;)" > display
expect 0 doctor --sslcryp - < display  # the wrong PIN of before is remembered by the token: a warning
says 'Wrong PINs were given earlier'

sed -i 's/\\;/;/g' mqclient.ini
expect 1 doctor --mq-ini mqclient.ini
says 'CFG201'

# A CCDT leads to the mqclient.ini in effect, and its certificate label to the token.
mq_ini 'mytoken (UserPIN)'
echo '{"channel":[{"name":"C","transmissionSecurity":{"cipherSpecification":"ANY_TLS12","certificateLabel":"my_cert"}}]}' > ccdt.json
expect 0 doctor --ccdt ccdt.json
says 'A CCDT cannot name the driver'
says "$work/mqclient.ini"
says '"my_cert": no object is visible'

# The right PIN clears the token's count of wrong ones.
GOOD=$pin expect 0 doctor --module "$module" --pin env:GOOD --yes-final-try
expect 0 doctor --module "$module" --json
python3 -c 'import json,sys; d=json.load(open("output")); assert d["status"]==0; assert d["examined"][0]["modules"][0]["tokens"]'
expect 2 doctor --module /not/there.so
expect 2 doctor --p11-kit no-such-module
says 'CFG770'
mkdir -p "$HOME/.config/pkcs11/modules"
echo "module: $module" >"$HOME/.config/pkcs11/modules/softhsm2.module"
expect 0 doctor --p11-kit softhsm2 --no-load -v
says 'CFG771'
expect 64 doctor --no-such-option

# As diagnose ends: 0 without an error, whatever the warnings; 1 with one; 2 where there is nothing to check.
mkdir nothing
cd nothing
expect 2 doctor
says 'No mqclient.ini is in effect'
cd ..
mq_ini 'mytoken (UserPIN)'
chmod 644 mqclient.ini
expect 0 doctor --no-load --mq-ini mqclient.ini
says '0 errors, 1 warning'
sed -i 's/mytoken/a label of more than thirty-two bytes/' mqclient.ini
expect 1 doctor --no-load --mq-ini mqclient.ini
says '1 error, 1 warning'
[[ $(for command in doctor diagnose; do "$program" "$command" --help | grep -c 'no finding of severity error'; done | paste -sd ' ') == '1 1' ]] ||
  fail 'the helps do not say the same of the exit status'
