#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nginx with its key in the token, through OpenSSL's engine: loaded in the master, used in workers that are forked from it.
# shellcheck source=tests/clients/story/lib.sh
source "$(dirname "$0")/lib.sh"
need nginx
# shellcheck source=tests/clients/story/engine.sh
source "$(dirname "$0")/engine.sh"
heading=nginx
pid_files=(nginx.pid)

# What a machine keeps below /var and /run is in the story's folder.
prepare() {
  local one folders=
  engine_configuration
  sed -i 's/^init = 0/init = 1/' openssl.cnf
  for one in client_body proxy fastcgi uwsgi scgi; do folders+="${one}_temp_path $story/$one; "; done
  {
    [[ $EUID -ne 0 ]] || echo 'user root;' # nobody else could read the token
    echo "pid $story/nginx.pid; error_log $story/error.log; env SOFTHSM2_CONF;"
    sed -e "s|/etc/nginx/|$story/|" -e "s|listen 8443|listen 127.0.0.1:$port|" -e 's/object=web/object=signer/' \
      -e "s|^http {|&\n    access_log off; $folders|" "$config/nginx.conf"
  } >nginx.conf
  # It ends some time after it was told to.
  edit 's/.* -s quit$/& \&\& while [[ -e nginx.pid ]]; do sleep 0.1; done/'
}

make_token
healthy 'nginx'
broken wrong-pin P12 wrong_pin
line_end() { echo >>pin; }
broken pin-with-line-end P12 line_end
wanted_status=0 broken no-such-key P21b rename_key
broken key-may-not-sign P52 forbid_signing
broken no-module P1 wrong_module

arguments=(--nginx nginx.conf)
wanted_status=0 doctored environment-lost CFG824 sed -i '/^env OPENSSL_CONF/d' nginx.conf
