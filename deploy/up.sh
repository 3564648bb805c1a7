#!/usr/bin/env bash
# Bring up the suite that compose.yaml describes, and play a story on it: an ensemble, a cluster and an exporter are
# created, and updated pod by pod, by a canary, and back from an image that does not exist. The fleet goes on running;
# deploy/down.sh ends it and removes what it kept.
# STATEFLEET_PORT, STATEFLEET_SECOND_PORT and PROMETHEUS_PORT move it elsewhere than 6443, 6444 and 9090.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=compose.sh
. ./compose.sh
kubectl="${KUBECTL:-kubectl}"
command -v "$kubectl" > /dev/null || { echo "up.sh: there is no $kubectl: install it, or set KUBECTL" >&2; exit 1; }

python3 images/provide.py statefleet:latest zookeeper:3.8 apache/kafka:4.4.0 prom/prometheus:v2.42.0
compose up --detach

await() {
    for _ in {1..240}; do if "$@" > /dev/null 2>&1; then return; fi; sleep 1; done
    echo "up.sh: not within four minutes: $*; look at: docker ps, docker logs" >&2
    exit 1
}
well() {
    compose exec -T gateway-1 statefleet health https://localhost:6443 --identity gateway \
        --certificates /etc/statefleet/certificates/gateway-1
}
nodes_ready() { [ "$("$kubectl" get nodes --no-headers | grep -c ' Ready ')" -eq 6 ]; }

await well
(umask 077 && compose exec -T gateway-1 cat /etc/statefleet/certificates/kubeconfig > "$KUBECONFIG")
await nodes_ready

say() { printf '\n# %s\n' "$*"; }
play() { echo "$ kubectl $*"; "$kubectl" "$@"; }
rolled() { play rollout status "$1" --timeout=120s; }
partition() {
    play patch statefulset kafka --patch "{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":$1}}}}"
}

say "Create an ensemble, a cluster and an exporter"
play get nodes
for example in zookeeper kafka node-exporter; do play apply --filename "examples/current/$example.yaml"; done
rolled statefulset/zk
rolled statefulset/kafka
rolled daemonset/node-exporter
say "Update the cluster, pod by pod"
play set env statefulset/kafka ROLLED=yes
rolled statefulset/kafka
say "Stage the next update, send a canary, phase in the rest"
partition 3
play set env statefulset/kafka ROLLED=again
for next in 2 1 0; do partition "$next"; rolled statefulset/kafka; done
say "Break it, roll back, and forward"
play set image statefulset/kafka k8skafka=gcr.io/google_containers/kubernetes-kafka:bad
play wait statefulset/kafka --timeout=120s --for=jsonpath='{.status.updatedReplicas}'=1
play wait pod/kafka-2 --timeout=120s \
    --for=jsonpath='{.status.containerStatuses[0].state.waiting.reason}'=ImagePullBackOff
play rollout undo statefulset/kafka
rolled statefulset/kafka
play rollout undo statefulset/kafka --to-revision=2
rolled statefulset/kafka
play rollout history statefulset/kafka
say "Update the exporter, and undo it"
play set image daemonset/node-exporter node-exporter=prom/node-exporter:v0.14.0
rolled daemonset/node-exporter
play rollout undo daemonset/node-exporter
rolled daemonset/node-exporter
play rollout history daemonset/node-exporter
play get statefulsets,daemonsets,pods --output wide
echo "export KUBECONFIG=$KUBECONFIG"
echo "# gateways: https://127.0.0.1:${STATEFLEET_PORT:-6443} and :${STATEFLEET_SECOND_PORT:-6444};" \
    "Prometheus: http://127.0.0.1:${PROMETHEUS_PORT:-9090}; to end it all: deploy/down.sh"
