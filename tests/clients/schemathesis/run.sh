#!/usr/bin/env bash
# Asks a registry for all sorts of sense and nonsense, and holds its answers against its own document:
#
#     ./run.sh URL [SECONDS]
#
# Needs `schemathesis` (requirements.txt) on the PATH. Exits with other than 0 where there are findings.
set -euo pipefail

url=${1:?usage: run.sh URL [SECONDS]}
url=${url%/}
seconds=${2:-60}

# It leaves records of its runs where it is started.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# One worker and no records of runs before: the seed alone says what is asked, the time only how much
# of it. The lines that repeat a finding hold whole addresses, of many thousand characters at times.
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
