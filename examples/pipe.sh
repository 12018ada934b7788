#!/usr/bin/env bash
# A live stream through a pipe: examples/pipe.sh in.mp4 out.mp4 [encode options]
# The decoder shows each frame as soon as its packet is there.
set -euo pipefail
source=$1 target=$2
shift 2
: "${THCODEC:=thcodec}"
# shellcheck disable=SC2086  # THCODEC may be several words
$THCODEC encode "$source" - --live "$@" | $THCODEC decode - "$target" --overwrite
