#!/bin/sh
# ZooKeeper's own shell: zkCli.sh -server HOST:PORT
# shellcheck disable=SC2086 # the options are words
exec java -Xmx128m ${JVMFLAGS:-} ${CLIENT_JVMFLAGS:-} -cp "$ZOO_CONF_DIR:/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-log4j12.jar:/usr/share/java/log4j-1.2.jar" \
    org.apache.zookeeper.ZooKeeperMain "$@"
