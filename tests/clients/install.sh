#!/usr/bin/env bash
# Installs the real clients for tests/it/real_clients.rs into target/clients. A client that cannot be installed is
# skipped with a message, and so are its tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
into=target/clients
mkdir -p "$into"

skipped() { echo "skipped: $1"; }

if command -v npm >/dev/null 2>&1 && command -v node >/dev/null 2>&1; then
    mkdir -p "$into/vscode"
    cp tests/clients/vscode/{package.json,package-lock.json,.npmrc} "$into/vscode/"
    (cd "$into/vscode" && npm ci --no-audit --no-fund --loglevel=error) || skipped "VS Code's gallery could not be installed"
else
    skipped "VS Code's gallery needs node and npm"
fi

for client in langchain schemathesis; do
    if command -v python3 >/dev/null 2>&1 && python3 -m venv "$into/$client" >/dev/null 2>&1; then
        "$into/$client/bin/pip" install --quiet --disable-pip-version-check \
            --requirement "tests/clients/$client/requirements.txt" \
            || { rm -rf "${into:?}/$client"; skipped "$client could not be installed"; }
    else
        skipped "$client needs python3 with venv"
    fi
done
