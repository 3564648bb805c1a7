# Compose as this machine has it: the plugin of docker, else docker-compose.
KUBECONFIG="${STATEFLEET_KUBECONFIG:-$PWD/kubeconfig}"
export KUBECONFIG
compose() {
    if docker compose version > /dev/null 2>&1; then
        docker compose --project-name "${STATEFLEET_PROJECT:-statefleet}" --file compose.yaml "$@"
    else
        docker-compose --project-name "${STATEFLEET_PROJECT:-statefleet}" --file compose.yaml "$@"
    fi
}
