#!/bin/bash
# Serve in the foreground, or say how the server that runs here is.
set -eu
case "${1:-}" in
    start-foreground)
        # The package's own class path lacks what TLS needs: Netty's codecs and resolver.
        jars=/usr/share/java
        netty="$jars/netty-codec.jar:$jars/netty-resolver.jar"
        # shellcheck disable=SC2086 # the options are words
        exec java "-Xmx${ZK_SERVER_HEAP:-1000}m" ${JVMFLAGS:-} ${SERVER_JVMFLAGS:-} \
            -XX:+ExitOnOutOfMemoryError -Dzookeeper.log.dir=/logs \
            -cp "$ZOO_CONF_DIR:$jars/zookeeper.jar:$jars/slf4j-log4j12.jar:$jars/log4j-1.2.jar:$netty" \
            org.apache.zookeeper.server.quorum.QuorumPeerMain "$ZOO_CONF_DIR/zoo.cfg"
        ;;
    status)
        exec 3<> "/dev/tcp/127.0.0.1/${2:-2181}"
        printf srvr >&3
        grep '^Mode: ' <&3
        ;;
    *)
        echo "usage: zkServer.sh start-foreground | status [PORT]" >&2
        exit 2
        ;;
esac
