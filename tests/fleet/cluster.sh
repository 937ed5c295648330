# SPDX-License-Identifier: Apache-2.0
# A ClickHouse cluster of ordinary processes on loopback: ZooKeeper and shards, each with ports and a directory of its own.
# To be sourced. cluster_start DIRECTORY SHARDS; cluster_stop; shard_start N; shard_kill N; sql N STATEMENT (over HTTP).
# shellcheck shell=bash

cluster_directory=
cluster_shards=0
declare -a shard_pid=() http_port=() tcp_port=() peer_port=()
zookeeper_pid=

cluster_missing() { # says which package is missing, if one is
  command -v clickhouse-server >/dev/null || { echo clickhouse-server; return; }
  command -v java >/dev/null || { echo default-jre-headless; return; }
  [[ -e /usr/share/java/zookeeper.jar ]] || echo zookeeper
}

free_ports() { # free_ports COUNT: so many port numbers that nobody listens on
  python3 - "$1" <<'PY'
import socket, sys
all = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in all: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in all])
PY
}

wait_for() { # wait_for SECONDS COMMAND...: until it succeeds
  local tries=$((10 * $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((tries-- > 0)) || return 1
    sleep 0.1
  done
}

sql() { curl -sS --max-time 120 "http://127.0.0.1:${http_port[$1]}/" --data-binary @- <<<"$2"; }

shard_start() {
  clickhouse-server --config-file="$cluster_directory/shard$1/config.xml" >>"$cluster_directory/shard$1/out" 2>&1 &
  shard_pid[$1]=$!
  wait_for 60 curl -sf "http://127.0.0.1:${http_port[$1]}/ping"
}

shard_kill() {
  kill -KILL "${shard_pid[$1]}" 2>/dev/null || true
  wait "${shard_pid[$1]}" 2>/dev/null || true
}

cluster_start() {
  cluster_directory=$1
  cluster_shards=$2
  local -a ports
  local i shards=''
  read -ra ports <<<"$(free_ports $((1 + 3 * cluster_shards)))"
  mkdir -p "$cluster_directory/zookeeper"
  cat >"$cluster_directory/zookeeper/zoo.cfg" <<EOF
tickTime=500
dataDir=$cluster_directory/zookeeper/data
clientPort=${ports[0]}
clientPortAddress=127.0.0.1
admin.enableServer=false
EOF
  java -Xmx128m -XX:TieredStopAtLevel=1 -cp "$cluster_directory/zookeeper:/usr/share/java/zookeeper.jar" \
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$cluster_directory/zookeeper/zoo.cfg" \
    >"$cluster_directory/zookeeper/out" 2>&1 &
  zookeeper_pid=$!
  wait_for 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/${ports[0]}"
  for ((i = 1; i <= cluster_shards; ++i)); do
    http_port[i]=${ports[3 * i - 2]}
    tcp_port[i]=${ports[3 * i - 1]}
    peer_port[i]=${ports[3 * i]}
    shards+="<shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>${tcp_port[i]}</port></replica></shard>"
  done
  for ((i = 1; i <= cluster_shards; ++i)); do
    local here=$cluster_directory/shard$i
    mkdir -p "$here"
    cat >"$here/config.xml" <<EOF
<?xml version="1.0"?>
<yandex>
 <logger><level>debug</level><log>$here/log</log><errorlog>$here/errors</errorlog><size>10M</size><count>1</count></logger>
 <listen_host>127.0.0.1</listen_host>
 <http_port>${http_port[i]}</http_port><tcp_port>${tcp_port[i]}</tcp_port>
 <interserver_http_port>${peer_port[i]}</interserver_http_port><interserver_http_host>127.0.0.1</interserver_http_host>
 <max_concurrent_queries>50</max_concurrent_queries>
 <uncompressed_cache_size>0</uncompressed_cache_size><mark_cache_size>67108864</mark_cache_size>
 <path>$here/data/</path><tmp_path>$here/tmp/</tmp_path><user_files_path>$here/files/</user_files_path>
 <users_config>$here/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
 <timezone>UTC</timezone>
 <remote_servers><p11tape>$shards</p11tape></remote_servers>
 <zookeeper><node><host>127.0.0.1</host><port>${ports[0]}</port></node><session_timeout_ms>5000</session_timeout_ms></zookeeper>
 <macros><shard>$i</shard><replica>a</replica></macros>
 <distributed_ddl><path>/clickhouse/task_queue/ddl</path></distributed_ddl>
</yandex>
EOF
    cat >"$here/users.xml" <<EOF
<?xml version="1.0"?>
<yandex><profiles><default><max_memory_usage>${CLUSTER_MEMORY:-2000000000}</max_memory_usage></default></profiles>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
<ship><password>ship</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></ship></users>
<quotas><default><interval><duration>3600</duration><queries>0</queries><errors>0</errors><result_rows>0</result_rows><read_rows>0</read_rows><execution_time>0</execution_time></interval></default></quotas></yandex>
EOF
    shard_start "$i"
  done
  # ClickHouse 18.16 crashes if it is asked for a distributed statement before its worker has reached ZooKeeper.
  for ((i = 1; i <= cluster_shards; ++i)); do
    wait_for 60 grep -q 'DDLWorker: Waiting a watch' "$cluster_directory/shard$i/log"
  done
}

# apply FILE: each statement of a file of config/fleet, to shard 1, which tells the others.
apply() {
  local answer
  answer=$(python3 - "$1" "http://127.0.0.1:${http_port[1]}/" <<'PY'
import re, sys, urllib.error, urllib.request
text = "\n".join(l for l in open(sys.argv[1], encoding="utf-8").read().split("\n") if not l.lstrip().startswith("--"))
for statement in filter(None, (s.strip() for s in text.split(";\n"))):
    try:
        urllib.request.urlopen(sys.argv[2], statement.rstrip(";").encode(), timeout=120).read()
    except urllib.error.HTTPError as e:
        sys.exit(statement + "\n" + e.read().decode())
PY
  ) || { printf '%s\n' "$answer" >&2; return 1; }
}

cluster_stop() {
  local i
  for ((i = 1; i <= cluster_shards; ++i)); do shard_kill "$i"; done
  [[ -z $zookeeper_pid ]] || kill -KILL "$zookeeper_pid" 2>/dev/null || true
  [[ -z $zookeeper_pid ]] || wait "$zookeeper_pid" 2>/dev/null || true
}
