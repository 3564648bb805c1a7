#!/usr/bin/env bash
# End the suite that up.sh brought up, and remove its data.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=compose.sh
. ./compose.sh
compose down --volumes
rm -f "$KUBECONFIG"
