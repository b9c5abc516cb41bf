#!/usr/bin/env bash
# Sends valid and invalid requests to a registry, and checks its answers against its own OpenAPI document:
#
#     ./run.sh URL [SECONDS]
#
# Needs `schemathesis` (requirements.txt) on the PATH. Exits with a code other than 0 if there are findings.
set -euo pipefail

url=${1:?usage: run.sh URL [SECONDS]}
url=${url%/}
seconds=${2:-60}

# Schemathesis writes records into the current folder.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# One worker and no records of earlier runs: the seed alone determines the requests, the time only their
# number. Lines that repeat a finding contain whole URLs, sometimes of many thousand characters.
schemathesis run "$url/openapi.yaml" \
  --url "$url" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance \
  --seed 20261120 \
  --max-time "$seconds" \
  --workers 1 \
  --generation-database none \
  --continue-on-failure \
  --no-color \
  | cut -c 1-400
